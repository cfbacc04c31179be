"""What these start is compiled (`make build`): the backends, their checkers, the supervisor and Docker Compose."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test below this folder, so that `make config` runs it beside the services' own that have the mark."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("config")
