"""Grafana's settings in docker-compose.yml, as far as they can be judged without Grafana."""

from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml

GRAFANA = read_topology(ROOT, {}).services["grafana"]
SETTINGS = GRAFANA.environment
PROVISIONING = ROOT / "grafana" / "provisioning"
# What Grafana 13 bundles as plugins, each a process of its own (defaultPreinstallPlugins in its sources).
BUNDLED = {
    "cloudwatch",
    "elasticsearch",
    "grafana-postgresql-datasource",
    "grafana-pyroscope-datasource",
    "influxdb",
    "jaeger",
    "loki",
    "mssql",
    "mysql",
    "opentsdb",
    "prometheus",
    "stackdriver",
    "tempo",
    "zipkin",
}


def used() -> set[str]:
    sources = parse_yaml((PROVISIONING / "datasources" / "stores.yml").read_text(encoding="utf-8"))
    return {source["type"] for source in sources["datasources"]}


def test_bundled_data_sources_that_nothing_uses_do_not_run_and_the_others_do() -> None:
    disabled = SETTINGS["GF_PLUGINS_DISABLE_PLUGINS"].split(",")

    assert sorted(set(disabled)) == disabled
    assert BUNDLED - used() <= set(disabled)
    assert not used() & set(disabled)


def test_each_data_source_that_runs_has_memory_and_threads() -> None:
    """38 MB and, on 64 processors, about 80 threads each; Grafana itself needs 300 MB and as many."""
    processes = 1 + len(BUNDLED & used())

    assert GRAFANA.memory_limit >= (300 + 38 * processes) * 1_000_000
    assert GRAFANA.raw["pids_limit"] >= 80 * processes


def test_an_anonymous_person_may_explore_and_not_save() -> None:
    assert SETTINGS["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert SETTINGS["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert SETTINGS["GF_USERS_VIEWERS_CAN_EDIT"] == "true"


def test_live_updates_work_by_both_names_of_this_machine() -> None:
    port = GRAFANA.ports[0].published

    assert SETTINGS["GF_SERVER_ROOT_URL"] == f"http://127.0.0.1:{port}"
    assert SETTINGS["GF_LIVE_ALLOWED_ORIGINS"] == f"http://localhost:{port}"


def test_every_folder_that_grafana_looks_into_exists() -> None:
    """It logs an error for each that does not; git keeps a folder only with a file in it."""
    for folder in ("alerting", "dashboards", "datasources", "plugins"):
        assert any((PROVISIONING / folder).iterdir()), folder


def test_answers_are_not_compressed() -> None:
    """Grafana 13.2.0 keeps memory of each compressed answer that is aborted."""
    assert SETTINGS["GF_SERVER_ENABLE_GZIP"] == "false"
