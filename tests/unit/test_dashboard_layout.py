"""What a person sees of the dashboards: nothing overlaps, all is named and explained, any eye tells bad from good."""

import json
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.dashboards.generate import generated
from sandbox.dashboards.queries import panels_of
from sandbox.dashboards.style import BAD, CALM, FINE, NEUTRAL, WARN
from sandbox.model import ROOT
from tests.support.checklist import nothing_is_wrong_with

BOARDS = {name.removesuffix(".json"): json.loads(text) for name, text in generated().items()}
# Mails, runbooks and reports link to these; a dashboard that is renamed keeps its uid.
UIDS = {"overview", "service", "journey", "slo", "logs-traces", "telemetry", "infrastructure", "incident"}
COLUMNS = 24
LARGEST_FILE = 64 * 1024
# With its number, because two may have one title.
PANELS = {f"{uid} {one['id']} {one['title']}": one for uid, board in BOARDS.items() for one in panels_of(board)}


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


@nothing_is_wrong_with(BOARDS)
def test_panels_fill_the_grid_without_overlap(board: dict[str, Any]) -> dict[str, object]:
    taken = [panel["gridPos"] for panel in board["panels"]]
    return {
        "beside the grid": [at for at in taken if at["x"] + at["w"] > COLUMNS or at["w"] <= 0 or at["h"] <= 0],
        "overlap": [
            (one, other)
            for one, other in combinations(taken, 2)
            if one["x"] < other["x"] + other["w"] and other["x"] < one["x"] + one["w"]
            if one["y"] < other["y"] + other["h"] and other["y"] < one["y"] + one["h"]
        ],
    }


@nothing_is_wrong_with(BOARDS)
def test_titles_are_there_and_unique_within_a_dashboard(board: dict[str, Any]) -> dict[str, object]:
    titles = [panel["title"] for panel in board["panels"]]
    return {
        "no title": not all(titles),
        "twice": {title for title in titles if titles.count(title) > 1},
        "not described": len(board["description"]) <= 40,
    }


@nothing_is_wrong_with(PANELS)
def test_panel_says_what_it_shows_in_which_unit_what_is_bad_and_what_no_data_means(
    panel: dict[str, Any],
) -> dict[str, object]:
    defaults, told = panel["fieldConfig"]["defaults"], panel["description"]
    (first, *limits), empty = defaults["thresholds"]["steps"], defaults.get("noValue")
    dashed = panel["type"] == "timeseries" and defaults["custom"]["thresholdsStyle"]["mode"] == "dashed"
    return {
        "is not described": len(told) < 10,
        "no unit": not defaults["unit"],
        "no query": not panel["targets"],
        "no lowest threshold": first["value"] is not None,
        "does not say what is bad": bool(limits) and not re.search(r"Bad (from|below) .+: .+\.", told),
        "a line without a threshold, or none": panel["type"] == "timeseries" and dashed != bool(limits),
        "does not say": empty is not None and f"Empty: {empty[0].lower()}{empty[1:]}." not in told and empty,
        "other colours": {step["color"] for step in _steps(panel)} - {FINE, CALM, WARN, BAD, NEUTRAL},
    }


def test_colours_of_good_and_bad_are_told_apart_by_every_eye() -> None:
    """They differ in lightness: red and green of one lightness are one colour to one man in twelve."""
    lightness = sorted(_lightness(shade) for shade in (CALM, BAD, WARN))
    assert all(later - earlier > 0.15 for earlier, later in pairwise(lightness))


@nothing_is_wrong_with(BOARDS)
def test_every_dashboard_leads_to_every_other(board: dict[str, Any]) -> dict[str, object]:
    [ways] = [link for link in board["links"] if link["type"] == "dashboards"]
    return {
        "is not led to": set(ways["tags"]) - set(board["tags"]),
        "loses the time": not ways["keepTime"],
        "loses the variables": not ways["includeVars"],
    }


@nothing_is_wrong_with(BOARDS)
def test_one_switch_hides_the_marks_of_pages_and_releases(board: dict[str, Any]) -> dict[str, object]:
    """tests/config/rules/test_marks.py shows that each is one moment."""
    marks = board["annotations"]["list"]
    [switch] = [one for one in board["templating"]["list"] if one["name"] == "marks"]
    choice, hides = (switch["query"], switch["current"]["value"]), "and on () (vector($marks) > 0)"
    return {
        "other marks": [one["name"] for one in marks] != ["Pages", "Releases"],
        "another switch": choice != ("marked : 1, hidden : 0", "1") and choice,
        "has a switch of its own": [one["name"] for one in marks if not one["hide"]],
        "asks twice": [one["name"] for one in marks if one["expr"] != one["target"]["expr"]],
        "does not ask the switch": [one["name"] for one in marks if not one["expr"].endswith(hides)],
    }


@nothing_is_wrong_with({name: panel for name, panel in PANELS.items() if panel["type"] == "state-timeline"})
def test_state_has_a_word_and_a_colour_of_its_own(panel: dict[str, Any]) -> dict[str, object]:
    """Coloured by thresholds, Grafana writes the range of a threshold ("1+") into the bars of a timeline."""
    defaults = panel["fieldConfig"]["defaults"]
    [mapping] = defaults["mappings"]
    return {
        "coloured by thresholds": defaults["color"]["mode"] == "thresholds",
        "maps no value": mapping["type"] != "value",
        "no word or colour": [at for at, one in mapping["options"].items() if not (one["text"] and one["color"])],
    }


@nothing_is_wrong_with({name: panel for name, panel in PANELS.items() if panel["type"] in ("stat", "gauge")})
def test_figure_that_may_be_empty_shows_no_old_value(panel: dict[str, Any]) -> dict[str, object]:
    """A range query's last value may be of a quarter of an hour ago, and Grafana shows it as if it were of now."""
    old = [target["expr"] for target in panel["targets"] if not target.get("instant")]
    return {"may be old": "noValue" in panel["fieldConfig"]["defaults"] and old}


@nothing_is_wrong_with({name: panel for name, panel in PANELS.items() if panel["type"] == "logs"})
def test_log_lines_are_written_to_be_read(panel: dict[str, Any]) -> dict[str, object]:
    return {"raw": [target["expr"] for target in panel["targets"] if "| line_format `" not in target["expr"]]}


def test_no_panel_asks_for_a_trace_before_one_is_given() -> None:
    """Grafana's view of a trace shows an error and "No data found in response" while its id is empty."""
    for board in BOARDS.values():
        assert not [panel["title"] for panel in board["panels"] if panel["type"] == "traces"]


@nothing_is_wrong_with(BOARDS)
def test_links_between_dashboards_name_one_that_exists_and_its_variables(board: dict[str, Any]) -> dict[str, object]:
    return {"leads nowhere": [url for url in links_of(board) if url.startswith("/d/") and leads_nowhere(url)]}


def test_links_of_alerts_and_runbooks_name_a_dashboard_that_exists_and_its_variables() -> None:
    places = [
        *(ROOT / "prometheus").rglob("*.yml"),
        *(ROOT / "alertmanager").rglob("*"),
        *(ROOT / "runbooks").rglob("*.md"),
    ]
    told = "\n".join(place.read_text(encoding="utf-8") for place in places if place.is_file())
    links = set(re.findall(r"x(/d/[^\s\"'<>)`]+)", re.sub(r"\{\{.*?\}\}", "x", told)))
    assert len(links) > 5
    assert [url for url in links if leads_nowhere(url)] == []


def leads_nowhere(url: str) -> bool:
    """Whether a link names no dashboard, or a variable that it does not have."""
    parts = urlsplit(url)
    board = BOARDS.get(parts.path.removeprefix("/d/"))
    asked = {name.removeprefix("var-") for name in parse_qs(parts.query) if name.startswith("var-")}
    return board is None or not asked <= {one["name"] for one in board["templating"].get("list", [])}


@nothing_is_wrong_with(generated())
def test_generated_file_stays_small_enough_to_read(text: str) -> dict[str, object]:
    return {"bytes": len(text.encode()) >= LARGEST_FILE and len(text.encode())}


def _steps(panel: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "thresholds":
                yield from one["value"]["steps"]


def _lightness(shade: str) -> float:
    red, green, blue = (int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
