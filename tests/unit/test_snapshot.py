"""Pictures of dashboards: values as people write them, colours as the dashboard says, refusals that help."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.dashboards.queries import Query, load
from sandbox.dashboards.snapshot import picture, render
from sandbox.dashboards.snapshot.canvas import Box, Canvas
from sandbox.dashboards.snapshot.cards import draw_dials, draw_figure
from sandbox.dashboards.snapshot.data import Series, named
from sandbox.dashboards.snapshot.graphs import draw_lines
from sandbox.dashboards.snapshot.lists import said
from sandbox.dashboards.snapshot.look import colours, dashed, displayed, in_words, shade_of, text_on
from sandbox.dashboards.style import BAD, CALM, FINE, WARN
from sandbox_testing.spans import Span


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0333, "percentunit", "3.33%"),
        (-42.37, "percentunit", "-4237%"),
        (0.125, "s", "125 ms"),
        (0.000344, "s", "344 µs"),
        (5.34, "s", "5.34 s"),
        (60.0, "s", "1 min"),
        (309.6, "s", "5.16 mins"),
        (7200.0, "s", "2 hours"),
        (80 * 1024**2, "bytes", "80 MiB"),
        (6.0, "reqps", "6 req/s"),
        (12_345.0, "reqps", "12.3K req/s"),
        (28.0, "suffix:/min", "28 /min"),
        (0.5, "suffix:/min", "0.500 /min"),
        (3499.0, "short", "3.50 K"),
        (1e6, "short", "1 Mil"),
        (0.0, "short", "0"),
        (1234.5, "none", "1234"),
        (math.nan, "s", "NaN"),
    ],
)
def test_values_are_written_as_grafana_writes_them(value: float, unit: str, text: str) -> None:
    assert displayed(value, unit) == text


def test_state_has_the_word_and_the_colour_that_the_panel_gives_it() -> None:
    steps = [{"value": None, "color": FINE}, {"value": 1, "color": WARN}, {"value": 5, "color": BAD}]
    limits = {"thresholds": {"steps": steps}}
    assert [shade_of(value, limits) for value in (-1, 0.9, 1, 5, 50)] == [FINE, FINE, WARN, BAD, BAD]
    states = {"1": {"text": "up", "color": CALM}, "0": {"text": "DOWN", "color": BAD}}
    words = {**limits, "unit": "short", "mappings": [{"type": "value", "options": states}]}
    assert [in_words(value, words) for value in (1, 0, 7)] == ["up", "DOWN", "7"]
    assert [shade_of(value, words) for value in (1, 0, 7)] == [CALM, BAD, BAD]
    spent = {"from": None, "to": 0, "result": {"text": "spent", "color": BAD}}
    budget = {**limits, "unit": "percentunit", "mappings": [{"type": "range", "options": spent}]}
    assert [in_words(value, budget) for value in (-42.37, 0, 0.25)] == ["spent", "spent", "25%"]


def test_fixed_colours_win_and_no_other_series_gets_them() -> None:
    fixed = {"id": "color", "value": {"mode": "fixed", "fixedColor": "#56B4E9"}}
    overrides = [
        {"matcher": {"id": "byRegexp", "options": "/^gateway\\b/"}, "properties": [fixed]},
        {
            "matcher": {"id": "byRegexp", "options": "/ limit$/"},
            "properties": [{"id": "custom.lineStyle", "value": {}}],
        },
    ]
    shades = colours(["auth", "gateway limit", "shop"], overrides)
    assert shades["gateway limit"] == "#56B4E9"
    assert len(set(shades.values())) == 3
    assert (dashed("gateway limit", overrides), dashed("gateway", overrides)) == (True, False)


@pytest.mark.parametrize(
    ("board", "panel", "bad", "fine"),
    [
        ("overview", "Log lines by level", ["error"], "info"),
        ("service", "Log lines by level", ["error"], "info"),
        ("telemetry", "Log lines", ["written ERROR"], "written INFO"),
        ("overview", "Payments by outcome", ["failed"], "authorised"),
        ("overview", "Log-ins by outcome", ["failed"], "succeeded"),
    ],
)
def test_level_and_outcome_have_the_colour_of_what_they_mean(board: str, panel: str, bad: list[str], fine: str) -> None:
    """Whatever else is in the panel: an error that is blue in one and red in another is read wrongly."""
    [shown] = [one for one in load(board)["panels"] if one["title"] == panel]
    shades = colours([*bad, fine, "declined", "warn"], shown["fieldConfig"]["overrides"])
    assert [shades[name] for name in (*bad, fine)] == [*(BAD for _ in bad), FINE]


@pytest.mark.parametrize(("ground", "ink"), [("#F0E442", "#111217"), ("#1D3A4C", "#FFFFFF"), ("#D55E00", "#FFFFFF")])
def test_text_can_be_read_on_every_ground(ground: str, ink: str) -> None:
    assert text_on(ground) == ink


def test_series_is_called_what_grafana_would_call_it() -> None:
    assert named("{{client}} to {{server}}", {"client": "gateway", "server": "auth"}) == "gateway to auth"
    assert named("", {"a": "b"}) == "a=b"


def test_dashboard_that_does_not_exist_and_time_that_runs_backwards_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no dashboard overvew"):
        render("overvew", 0, 60, tmp_path / "x.png")
    with pytest.raises(ValueError, match="end must be after start"):
        render("overview", 60, 60, tmp_path / "x.png")


def test_series_that_are_all_gaps_or_one_point_are_drawn_without_an_error(tmp_path: Path) -> None:
    canvas, panel = Canvas(600, 300), _panel()
    odd = [Series("a", {}, (1.0,), (2.0,)), Series("b", {}, (1.0, 2.0, 3.0, 30.0), (math.nan, math.nan, math.inf, 1.0))]
    draw_lines(canvas, Box(0, 0, 300, 200), panel, odd, (0.0, 60.0), [(5.0, 20.0, BAD)], [(2.0, 1.0)])
    card = {**panel, "options": {"colorMode": "none", "graphMode": "area"}}
    draw_figure(canvas, Box(300, 0, 300, 200), card, odd)
    draw_figure(canvas, Box(300, 0, 300, 200), card, [])
    draw_dials(canvas, Box(300, 0, 300, 200), panel, odd[1:])
    canvas.save(tmp_path / "odd.png")
    assert (tmp_path / "odd.png").read_bytes().startswith(b"\x89PNG")


def _panel() -> dict:
    steps = [{"value": None, "color": FINE}, {"value": 1.5, "color": BAD}]
    custom = {"stacking": {"mode": "none"}, "thresholdsStyle": {"mode": "dashed"}}
    defaults = {"unit": "s", "min": 0, "max": 1, "custom": custom, "thresholds": {"steps": steps}}
    options = {"legend": {"showLegend": True, "placement": "bottom"}}
    return {"fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}


def test_points_of_a_mark_that_follow_each_other_are_one_region() -> None:
    """As in Grafana, where an annotation over a whole alert hides the curve behind it."""
    drawn = object.__new__(picture._Picture)
    drawn.board = {"annotations": {"list": [{"name": "Pages", "iconColor": BAD}]}}
    drawn.queries = [Query("overview", "annotation Pages", "A", "prometheus", "range", "x")]
    series = [Series("a", {}, (10.0, 15.0, 20.0, 60.0), (1.0,) * 4)]
    drawn.stores = SimpleNamespace(step=5.0, series=lambda query: series)
    assert drawn._marks() == [(10.0, 20.0, BAD), (60.0, 60.0, BAD)]


def test_call_is_shown_with_whom_it_was_made_to() -> None:
    def span(number: str, parent: str, service: str, kind: str, name: str, **attributes: str) -> Span:
        return Span("t", number, parent, service, kind, name, 0, 1, attributes=attributes)

    call, answer = span("1", "", "gateway", "CLIENT", "GET"), span("2", "1", "auth", "SERVER", "GET /session")
    query = span("3", "2", "auth", "CLIENT", "SELECT", **{"db.collection.name": "sessions"})
    outside = span("4", "2", "payments", "CLIENT", "POST", **{"server.address": "acquirer"})
    spans = [call, answer, query, outside]
    assert [said(one, spans) for one in spans] == ["GET → auth", "GET /session", "SELECT → sessions", "POST → acquirer"]
