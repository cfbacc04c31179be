"""Every suite: fixtures over a running stack are at hand, and each result says which test it belongs to."""

import pytest

pytest.register_assert_rewrite("tests.support", "sandbox_testing")
# In this order: a fixture of the second replaces its namesake of the first.
pytest_plugins = ["sandbox_testing.plugin", "tests.support.plugin"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the node id into the JUnit XML, which has no other place for it; the gate finds its checks by it."""
    for item in items:
        item.user_properties.append(("nodeid", item.nodeid))
