"""What a person sees of the dashboards: nothing overlaps, all is named and explained, any eye tells bad from good."""

import json
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from grafana.generate import generated
from grafana.queries import panels_of
from grafana.style import BAD, CALM, FINE, NEUTRAL, WARN
from tests.support.project import ROOT

BOARDS = {name.removesuffix(".json"): json.loads(text) for name, text in generated().items()}
# Mails, runbooks and reports link to these; a dashboard that is renamed keeps its uid.
UIDS = {"overview", "service", "journey", "slo", "logs-traces", "telemetry", "infrastructure", "incident"}
COLUMNS = 24
LARGEST_FILE = 64 * 1024


def panels() -> Iterator[Any]:
    for uid, board in BOARDS.items():
        for panel in panels_of(board):
            yield pytest.param(panel, id=f"{uid} {panel['title']}")


def links_of(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("url"), str) and "title" in node:
            yield node["url"]
        for value in node.values():
            yield from links_of(value)
    elif isinstance(node, list):
        for one in node:
            yield from links_of(one)


def test_dashboards_are_those_that_mails_and_runbooks_link_to() -> None:
    assert set(BOARDS) == UIDS


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_panels_fill_the_grid_without_overlap(board: dict[str, Any]) -> None:
    taken = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= COLUMNS and place["w"] > 0 and place["h"] > 0 for place in taken)
    for one, other in combinations(taken, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"], (one, other)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_titles_are_there_and_unique_within_a_dashboard(board: dict[str, Any]) -> None:
    titles = [panel["title"] for panel in board["panels"]]
    assert all(titles)
    assert sorted(titles) == sorted(set(titles))
    assert len(board["description"]) > 40


@pytest.mark.parametrize("panel", list(panels()))
def test_every_panel_says_what_it_shows_in_which_unit_and_what_is_bad(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert len(panel["description"]) >= 10
    assert defaults["unit"]
    assert panel["targets"]
    steps = defaults["thresholds"]["steps"]
    assert steps[0]["value"] is None
    if len(steps) > 1:
        assert re.search(r"Bad (from|below) .+: .+\.", panel["description"])
    if panel["type"] == "timeseries":
        assert (defaults["custom"]["thresholdsStyle"]["mode"] == "dashed") == (len(steps) > 1)


@pytest.mark.parametrize("panel", list(panels()))
def test_panel_that_may_be_empty_says_so_in_its_description(panel: dict[str, Any]) -> None:
    quiet = panel["fieldConfig"]["defaults"].get("noValue")
    assert quiet is None or f"Empty: {quiet[0].lower()}{quiet[1:]}." in panel["description"]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_colours_of_good_and_bad_are_told_apart_by_every_eye(board: dict[str, Any]) -> None:
    """They differ in lightness: red and green of one lightness are one colour to one man in twelve."""
    known = {FINE, CALM, WARN, BAD, NEUTRAL}
    used = {step["color"] for panel in panels_of(board) for step in _steps(panel)}
    assert used <= known
    lightness = sorted(_lightness(shade) for shade in (CALM, BAD, WARN))
    assert all(later - earlier > 0.15 for earlier, later in pairwise(lightness))


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_dashboard_leads_to_every_other(board: dict[str, Any]) -> None:
    [ways] = [link for link in board["links"] if link["type"] == "dashboards"]
    assert set(ways["tags"]) <= set(board["tags"])
    assert ways["keepTime"]
    assert ways["includeVars"]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_one_switch_hides_the_marks_of_pages_and_releases(board: dict[str, Any]) -> None:
    """tests/config/rules/test_marks.py shows that each is one moment."""
    assert [one["name"] for one in board["annotations"]["list"]] == ["Pages", "Releases"]
    [switch] = [one for one in board["templating"]["list"] if one["name"] == "marks"]
    assert (switch["query"], switch["current"]["value"]) == ("marked : 1, hidden : 0", "1")
    for one in board["annotations"]["list"]:
        assert one["hide"]
        assert one["expr"] == one["target"]["expr"]
        assert one["expr"].endswith("and on () (vector($marks) > 0)")


@pytest.mark.parametrize("panel", list(panels()))
def test_state_has_a_word_and_a_colour_of_its_own(panel: dict[str, Any]) -> None:
    """Coloured by thresholds, Grafana writes the range of a threshold ("1+") into the bars of a timeline."""
    if panel["type"] == "state-timeline":
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["color"]["mode"] != "thresholds"
        [mapping] = defaults["mappings"]
        assert mapping["type"] == "value"
        assert all(one["text"] and one["color"] for one in mapping["options"].values())


@pytest.mark.parametrize("panel", list(panels()))
def test_figure_that_may_be_empty_shows_no_old_value(panel: dict[str, Any]) -> None:
    """A range query's last value may be of a quarter of an hour ago, and Grafana shows it as if it were of now."""
    if panel["type"] in ("stat", "gauge") and "noValue" in panel["fieldConfig"]["defaults"]:
        assert all(target.get("instant") for target in panel["targets"])


@pytest.mark.parametrize("panel", list(panels()))
def test_log_lines_are_written_to_be_read(panel: dict[str, Any]) -> None:
    if panel["type"] == "logs":
        assert all("| line_format `" in target["expr"] for target in panel["targets"])


def test_no_panel_asks_for_a_trace_before_one_is_given() -> None:
    """Grafana's view of a trace shows an error and "No data found in response" while its id is empty."""
    for board in BOARDS.values():
        assert not [panel["title"] for panel in board["panels"] if panel["type"] == "traces"]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_links_between_dashboards_name_one_that_exists_and_its_variables(board: dict[str, Any]) -> None:
    for url in links_of(board):
        if url.startswith("/d/"):
            check_link(url)


def test_links_of_alerts_and_runbooks_name_a_dashboard_that_exists_and_its_variables() -> None:
    places = [
        *(ROOT / "prometheus").rglob("*.yml"),
        *(ROOT / "alertmanager").rglob("*"),
        *(ROOT / "runbooks").rglob("*.md"),
    ]
    told = "\n".join(place.read_text(encoding="utf-8") for place in places if place.is_file())
    links = set(re.findall(r"x(/d/[^\s\"'<>)`]+)", re.sub(r"\{\{.*?\}\}", "x", told)))
    assert len(links) > 5
    for url in links:
        check_link(url)


def check_link(url: str) -> None:
    parts = urlsplit(url)
    target = BOARDS[parts.path.removeprefix("/d/")]
    known = {f"var-{one['name']}" for one in target["templating"].get("list", [])}
    asked = {name for name in parse_qs(parts.query) if name.startswith("var-")}
    assert asked <= known, url


@pytest.mark.parametrize("name", list(generated()))
def test_generated_file_stays_small_enough_to_read(name: str) -> None:
    assert len(generated()[name].encode()) < LARGEST_FILE


def _steps(panel: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "thresholds":
                yield from one["value"]["steps"]


def _lightness(shade: str) -> float:
    red, green, blue = (int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
