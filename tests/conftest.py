"""Configuration of all suites: fixtures over a running stack, and the node id of each test in the results."""

from pathlib import Path

import pytest

# Alert tests need a quiet stack, so incidents run first, in this order. Then come tests that only read what happened so
# far, then those that stop and replace components, after which pages may be active for a while.
FIRST = ("test_tour", "test_alerts")
LAST = ("test_doctor", "test_losses", "test_odd_senders", "test_queues", "test_release")

pytest.register_assert_rewrite("tests.support", "sandbox_testing")
# In this order: a fixture of the second overrides that of the same name in the first.
pytest_plugins = ["sandbox_testing.plugin", "tests.support.plugin"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the end-to-end suite, and add node ids to the JUnit XML, by which the gate finds its checks."""
    items.sort(key=lambda item: _turn(item.path))
    for item in items:
        item.user_properties.append(("nodeid", item.nodeid))


def _turn(path: Path) -> int:
    """Return the sort key of a test; files with the same key keep their order. Only the end-to-end suite is ordered."""
    if path.parent.name != "e2e" or path.stem in LAST:
        return len(FIRST) + 1
    return FIRST.index(path.stem) if path.stem in FIRST else len(FIRST)
