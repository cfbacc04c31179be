"""A service of this house's own making is added to the stack that runs, observed like the others, and removed again."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sandbox.engines import choice
from sandbox.engines.lock import exclusive
from sandbox.engines.native.engine import NativeEngine
from sandbox.model.compose import Service, Topology, read_topology
from sandbox.model.layout import Layout
from sandbox.model.stack import Stack
from sandbox_testing import Bugsink, ErrorEvent, LogLine, Prometheus, Telemetry, Tempo, Trace, direct, eventually
from testing.process import free_port
from tests.support.newservice import checkout_with

NAME = "qorders"
# Besides the service itself: who scrapes it, and who has a project for its errors.
CHANGED = ("prometheus", "bugsink")
# As the error tracker's own page does it: the project is gone at once, its errors soon.
FORGET = f"""
import django
django.setup(set_prefix=False)
from projects.models import Project
for project in Project.objects.filter(name="{NAME}"):
    project.delete_deferred()
"""
pytestmark = pytest.mark.timeout(300)


@dataclasses.dataclass(frozen=True)
class Added:
    """The new service on the stack that runs: its address, and what the copy of the checkout says of it."""

    url: str
    topology: Topology


@pytest.fixture(scope="module")
def added(stack: Stack, bugsink: Bugsink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Added]:
    """It is made in a copy of the checkout, whose blocks for it and for those that must know it the engine then runs.

    Only the native engine can: Compose reads the file of the checkout itself, which no test may change.
    """
    topology = read_topology(stack.root)
    engine = choice.running(topology, topology.services)
    if not isinstance(engine, NativeEngine):
        pytest.skip("skipped: with Docker, a service is added to the checkout's own docker-compose.yml")
    before = {name: topology.services[name] for name in engine.supervisor.states()}
    copy = checkout_with(NAME, tmp_path_factory.mktemp("new-service"))
    made = read_topology(copy, {**os.environ, **stack.settings, f"{NAME.upper()}_PORT": str(free_port())})
    after = {**before, **{name: made.services[name] for name in (*CHANGED, NAME)}}
    with ExitStack() as ends:
        ends.callback(Path(Layout(stack.root).volume("service-logs") / f"{NAME}.jsonl").unlink, missing_ok=True)
        ends.callback(_run, topology, before)
        ends.callback(_forget_errors, topology, after)
        _run(topology, after)
        yield Added(made.services[NAME].addresses[0], made)
    eventually("only what ran before", engine.supervisor.states, lambda states: states.keys() == before.keys())
    eventually(f"no project {NAME}", bugsink.projects, lambda projects: NAME not in projects)


def _run(topology: Topology, services: dict[str, Service]) -> None:
    """What `make up` does when docker-compose.yml has these services now: only what differs is started or ended."""
    wanted = dataclasses.replace(topology, services={**topology.services, **services})
    with exclusive(Layout(topology.root).lock, "up"):
        NativeEngine(wanted, services).up(lambda _line: None)


def _forget_errors(topology: Topology, services: dict[str, Service]) -> None:
    wanted = dataclasses.replace(topology, services={**topology.services, **services})
    NativeEngine(wanted, services).run_once("bugsink", ["python", "-c", FORGET])


def test_new_service_is_scraped_and_up(added: Added, prometheus: Prometheus) -> None:
    up = eventually(f"the target {NAME}", lambda: prometheus.query(f'up{{service="{NAME}"}}'))
    assert [(sample.value, sample.labels["team"]) for sample in up] == [(1.0, "platform")]


def test_request_to_it_is_a_trace_a_line_in_its_file_and_two_metrics(
    added: Added,
    tempo: Tempo,
    prometheus: Prometheus,
    new_trace: Callable[[], Trace],
    telemetry_of: Callable[..., Telemetry],
) -> None:
    trace = new_trace()
    assert direct.get(f"{added.url}/hello/Ada", headers=trace.headers).status_code == 200
    seen = telemetry_of(trace.id)
    [span] = seen.spans
    assert (span.service, span.kind, span.name) == (NAME, "SERVER", "GET /hello/{who}")
    lines: list[LogLine] = seen.access_lines(NAME)
    assert [line.fields["http_route"] for line in lines] == ["/hello/{who}"]
    route = f'service="{NAME}",http_route="/hello/{{who}}"'
    scraped = f"http_server_request_duration_seconds_count{{{route}}}"
    eventually(f"{scraped} in Prometheus", lambda: prometheus.value(scraped), lambda count: count == 1)
    made = f'traces_spanmetrics_calls_total{{service="{NAME}",span_name="GET /hello/{{who}}"}}'
    eventually(f"{made} in Prometheus", lambda: prometheus.value(made), lambda count: count == 1)


def test_its_error_is_in_a_project_of_its_own(added: Added, errors_of: Callable[..., list[ErrorEvent]]) -> None:
    failed = direct.post(f"{added.url}/debug/error")
    [event] = errors_of(failed.headers["x-trace-id"], timeout=30.0)
    assert event.exceptions[-1]["type"] == "RuntimeError"
    assert event.tags["team"] == "platform"
    projects = added.topology.services["bugsink"].environment["PROJECTS"]
    assert f"{event.project}:{NAME}=" in projects
