"""A service exposes what it declares: names, types, units, labels; and the catalog agrees."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from testing.vocabulary import vocabulary

SERVICES = Path(__file__).resolve().parents[2]
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}
# The SDK's metrics appear with the first span; test_exporting.py tests those.
DECLARED = {metric.name: metric for metric in vocabulary().metrics if not metric.is_of_sdk}


def exposed(shop):
    shop.post("/broken/1", json={})
    families = text_string_to_metric_families(shop.get("/metrics", headers=OPENMETRICS).text)
    return {family.name: family for family in families if not family.name.startswith(("process_", "otel_sdk_"))}


def test_exposed_metrics_are_those_that_are_declared_with_type_unit_and_help(shop, seen):
    found = exposed(shop)
    assert set(found) == set(DECLARED)
    for name, metric in DECLARED.items():
        family = found[name]
        assert (family.type, family.unit, family.documentation) == (metric.kind, metric.unit, metric.help)


def test_samples_have_exactly_the_declared_labels(shop, seen):
    for name, family in exposed(shop).items():
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(DECLARED[name].labels)


def test_names_follow_the_conventions_of_prometheus():
    for metric in (*vocabulary().metrics, *vocabulary().standalone):
        assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", metric.name)
        assert not metric.name.endswith("_total")
        assert not metric.unit or metric.name.endswith(metric.unit)
        assert metric.help.endswith(".")
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_every_service_that_says_something_of_its_own_is_read():
    assert len(vocabulary().events) > 20
    assert {"payments", "auth", "gateway"} <= {name for one in vocabulary().metrics for name in one.services}
    assert {"customer", "relay", "heartbeat"} == {name for one in vocabulary().standalone for name in one.services}


@pytest.fixture(scope="module")
def catalog():
    return yaml.safe_load((SERVICES / "catalog.yml").read_text())["services"]


def test_catalog_has_a_row_for_each_service_and_agrees_with_the_topology(catalog):
    compose = yaml.safe_load((SERVICES.parent / "docker-compose.yml").read_text())["services"]
    for name, row in catalog.items():
        service = compose[name]
        assert (SERVICES / name / "__main__.py").is_file()
        assert f"--bind=0.0.0.0:{row['port']}" in service["command"]
        environment = service["environment"]
        assert {callee for callee in catalog if f"{callee.upper()}_URL" in environment} == set(row["calls"])
        assert ("DATABASE_URL" in environment) == (row["database"] is not None)
        if row["errors"] is not None:
            assert environment["SENTRY_DSN"].rstrip("}").endswith(f"/{row['errors']}")
    built = {name for name, service in compose.items() if "build" in service}
    frontends = yaml.safe_load((SERVICES / "catalog.yml").read_text())["frontends"]
    assert built == set(catalog) | set(frontends)
