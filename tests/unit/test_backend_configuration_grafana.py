"""Grafana's data sources, links and dashboards, as far as they can be judged without Grafana."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from sandbox.dashboards.check import check_files
from sandbox.dashboards.generate import generated
from sandbox.dashboards.queries import panels_of
from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml
from testing.vocabulary import vocabulary
from tests.support.checklist import nothing_is_wrong_with

SOURCES = parse_yaml((ROOT / "grafana/provisioning/datasources/stores.yml").read_text())["datasources"]
BOARDS = {name: json.loads(text) for name, text in generated().items()}

# Metrics that somebody else defines: the stores, Tempo's generator, client libraries, the synthetic customer. That
# they exist is seen in tests/e2e/test_dashboards.py.
FOREIGN = re.compile(
    r"^(up|ALERTS\w*|(slo|telemetry):[\w:]+|(otelcol|traces|process|scrape|prometheus|alertmanager|loki|tempo|tempodb|synthetic|relay)_\w+)$"
)


def references(node: Any) -> Iterator[str]:
    """Every mention of a data source by its uid."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "datasourceUid" or (key == "uid" and "type" in node):
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for one in node:
            yield from references(one)


def test_committed_dashboards_are_what_the_generator_makes() -> None:
    check_files(generated())


def test_every_link_leads_to_a_data_source_that_exists() -> None:
    existing = {source["uid"] for source in SOURCES}
    assert {"prometheus", "loki", "tempo", "alertmanager"} == existing
    assert set(references([source["jsonData"] for source in SOURCES])) <= existing
    assert set(references([board["panels"] for board in BOARDS.values()])) <= existing


def test_each_signal_leads_to_the_next_one() -> None:
    settings = {source["uid"]: source["jsonData"] for source in SOURCES}
    assert settings["prometheus"]["exemplarTraceIdDestinations"][0]["datasourceUid"] == "tempo"
    [derived] = settings["loki"]["derivedFields"]
    assert (derived["matcherType"], derived["matcherRegex"]) == ("label", "trace_id")
    assert derived["datasourceUid"] == "tempo"
    assert settings["tempo"]["tracesToLogsV2"]["datasourceUid"] == "loki"
    assert settings["tempo"]["tracesToMetrics"]["datasourceUid"] == "prometheus"
    assert settings["tempo"]["serviceMap"]["datasourceUid"] == "prometheus"


def test_no_dollar_sign_is_left_for_grafana_to_expand() -> None:
    for path in (ROOT / "grafana/provisioning").rglob("*.yml"):
        settings = yaml.safe_dump(parse_yaml(path.read_text()))
        assert not re.search(r"(?<!\$)\$(?!\$)", settings.replace("$$", "")), path.name


@nothing_is_wrong_with(
    {f"{name} {one['id']} {one['title']}": one for name, board in BOARDS.items() for one in panels_of(board)}
)
def test_panels_ask_for_metrics_that_somebody_defines(panel: dict[str, Any]) -> dict[str, object]:
    asked = "\n".join(one["expr"] for one in panel["targets"] if one["datasource"]["type"] == "prometheus")
    names = set(re.findall(r"(?<![\w:])([a-zA-Z_][\w:]*)(?=\{|\[)", asked))
    names |= set(re.findall(r"(?<![\w:])(\w+_(?:total|bucket|count|sum|seconds|bytes|info))\b", asked))
    defined = {metric.name for metric in vocabulary().metrics}
    unknown = {name for name in names - defined if re.sub(r"_(total|bucket|count|sum)$", "", name) not in defined}
    return {"nobody defines": [name for name in unknown if not FOREIGN.match(name)]}


def test_numbers_of_panels_are_unique_within_a_dashboard() -> None:
    for board in BOARDS.values():
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(numbers) == len(set(numbers))
