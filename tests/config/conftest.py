"""What these start is compiled (`make build`): the backends, their checkers, the supervisor and Docker Compose."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.engines.native.programs import program
from tests.support.collector import CollectorAlone

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test below this folder, so that `make config` runs it beside the services' own that have the mark."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("config")


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorAlone]:
    """A collector of its own for each file of tests."""
    otelcol = program("IMAGE_OTEL_COLLECTOR", "/otelcol-contrib")
    with CollectorAlone.running(otelcol, tmp_path_factory.mktemp("collector")) as running:
        yield running
