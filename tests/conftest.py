"""Every suite: fixtures over a running stack are at hand, and each result says which test it belongs to."""

from pathlib import Path

import pytest

# Alerts need quiet, so incidents come first, in this order; then everything that only looks at what happened so far;
# then what stops and replaces components, after which pages may be active for a while.
FIRST = ("test_tour", "test_alerts")
LAST = ("test_doctor", "test_losses", "test_odd_senders", "test_queues", "test_release")

pytest.register_assert_rewrite("tests.support", "sandbox_testing", "sandbox.collector", "sandbox.incidents.paging")
# In this order: a fixture of the second replaces its namesake of the first.
pytest_plugins = ["sandbox_testing.plugin", "tests.support.plugin"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the end-to-end suite, and put the node id into the JUnit XML: the gate finds its checks by it."""
    items.sort(key=lambda item: _turn(item.path))
    for item in items:
        item.user_properties.append(("nodeid", item.nodeid))


def _turn(path: Path) -> int:
    """Smaller comes sooner; files of the same turn stay as they are. Only the end-to-end suite has an order."""
    if path.parent.name != "e2e" or path.stem in LAST:
        return len(FIRST) + 1
    return FIRST.index(path.stem) if path.stem in FIRST else len(FIRST)
