"""The backends' configuration files agree with each other, with the topology and with the vocabulary."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.model import ROOT
from sandbox.model.catalog import catalog
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml
from testing.vocabulary import vocabulary
from tests.support.checklist import nothing_is_wrong_with

CONFIGURATIONS = [
    ROOT / "collector/config.yaml",
    ROOT / "prometheus/prometheus.yml",
    *sorted((ROOT / "alertmanager").glob("*.yml")),
    ROOT / "loki/loki.yml",
    ROOT / "tempo/tempo.yml",
    *sorted((ROOT / "grafana/provisioning").rglob("*.yml")),
]


def read(path: str) -> Any:
    return parse_yaml((ROOT / path).read_text(encoding="utf-8"))


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from texts(one)
    elif isinstance(node, str):
        yield node


@nothing_is_wrong_with({str(path.relative_to(ROOT)): path for path in CONFIGURATIONS})
def test_every_address_in_a_configuration_is_a_port_of_a_service(path: Path) -> dict[str, object]:
    services = read_topology(ROOT, {}).services
    open_ports = {(name, port.target) for name, service in services.items() for port in service.ports}
    names = "|".join(services)
    found = {
        (name, int(port))
        for text in texts(parse_yaml(path.read_text()))
        for name, port in re.findall(rf"(?<![\w.-])({names}):(\d+)", text)
    }
    return {"nobody listens on": found - open_ports}


def test_no_two_programs_listen_on_one_port_even_inside() -> None:
    services = read_topology(ROOT, {}).services
    ports = [number for one in services.values() for number in [*(port.target for port in one.ports), *one.exposed]]
    internal = {name: read(f"{name}/{name}.yml")["server"]["grpc_listen_port"] for name in ("loki", "tempo")}
    assert sorted(ports) == sorted(set(ports))
    assert {name: port for name, port in internal.items() if port not in services[name].exposed} == {}


def test_what_only_the_program_itself_uses_is_open_to_nobody_else() -> None:
    servers = {path: read(path)["server"] for path in ("loki/loki.yml", "tempo/tempo.yml")}
    open_to = {path: (one["grpc_listen_address"], one["http_listen_address"]) for path, one in servers.items()}
    assert open_to == dict.fromkeys(servers, ("127.0.0.1", "0.0.0.0"))


def test_queues_hold_ten_minutes_of_the_load_they_are_sized_for() -> None:
    """A store may be down for ten minutes at fifty requests a second, and nothing is lost."""
    exporters = read("collector/config.yaml")["exporters"]
    needed = {
        "otlp_grpc/tempo": 50 * 12 * 600,
        "otlp_http/loki": 50 * 3 * 600,
        "otlp_http/loki_guests": 50 * 3 * 600,
        "otlp_http/prometheus": 4 * 200 // 5 * 600,
    }
    assert exporters.keys() == needed.keys()
    for name, items in needed.items():
        queue = exporters[name]["sending_queue"]
        assert queue["sizer"] == "items"
        assert queue["queue_size"] >= items
        assert queue["storage"] == "file_storage"
        assert exporters[name]["retry_on_failure"]["max_elapsed_time"] == 0


def test_every_pipeline_limits_memory_before_anything_else_and_scrubs() -> None:
    config = read("collector/config.yaml")
    pipelines = config["service"]["pipelines"]
    # What the collector counts itself has passed a limit already.
    entrances = {name for name, one in pipelines.items() if not config["connectors"].keys() >= set(one["receivers"])}
    assert {pipelines[name]["processors"][0] for name in entrances} == {"memory_limiter"}
    assert "redaction" in pipelines["traces"]["processors"]
    assert all("transform/log_body" in one["processors"] for name, one in pipelines.items() if name.startswith("logs"))


def test_loki_indexes_service_and_environment_and_nothing_else() -> None:
    otlp = read("loki/loki.yml")["limits_config"]["otlp_config"]["resource_attributes"]
    assert otlp["ignore_defaults"] is True
    [labels] = otlp["attributes_config"]
    assert labels == {"action": "index_label", "attributes": ["service.name", "deployment.environment.name"]}


def test_exemplars_name_the_trace_alike_in_services_tempo_and_grafana() -> None:
    name = vocabulary().exemplar_trace_id
    assert read("tempo/tempo.yml")["overrides"]["defaults"]["metrics_generator"]["trace_id_label_name"] == name
    sources = {one["uid"]: one for one in read("grafana/provisioning/datasources/stores.yml")["datasources"]}
    assert [one["name"] for one in sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]] == [name]


def test_every_service_that_has_metrics_is_scraped_with_its_team() -> None:
    jobs = {job["job_name"]: job.get("static_configs") for job in read("prometheus/prometheus.yml")["scrape_configs"]}
    scraped = {one["labels"]["service"]: (one["targets"], one["labels"]["team"]) for one in jobs["services"]}
    expected = {
        row.name: ([f"{row.name}:{row.port}"], row.team) for row in catalog().values() if "metrics" in row.signals
    }
    assert scraped.items() >= expected.items()
