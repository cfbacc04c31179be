"""Pictures of dashboards: values as people write them, colours as the dashboard says, refusals that help."""

import math
from pathlib import Path

import pytest

from grafana.queries import load
from grafana.snapshot import picture, render
from grafana.snapshot.canvas import Box, Canvas
from grafana.snapshot.data import Series, named
from grafana.snapshot.graphs import draw_figure, draw_lines
from grafana.snapshot.lists import said
from grafana.snapshot.look import colours, dashed, displayed, in_words, shade_of, text_on
from grafana.style import BAD, FINE, WARN
from sandbox_testing.spans import Span


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0333, "percentunit", "3.33 %"),
        (0.125, "s", "125 ms"),
        (0.000344, "s", "344 µs"),
        (5.34, "s", "5.34 s"),
        (309.6, "s", "5.16 min"),
        (80 * 1024**2, "bytes", "80 MiB"),
        (6.0, "reqps", "6/s"),
        (28.0, "suffix:/min", "28/min"),
        (3499.0, "short", "3499"),
        (10_800.0, "short", "10.8 K"),
        (0.0, "short", "0"),
        (math.nan, "s", "–"),
    ],
)
def test_values_are_written_as_people_write_them(value: float, unit: str, text: str) -> None:
    assert displayed(value, unit) == text


def test_state_has_the_word_and_the_colour_that_the_panel_gives_it() -> None:
    steps = {"steps": [{"value": None, "color": FINE}, {"value": 1, "color": WARN}, {"value": 5, "color": BAD}]}
    words = {"unit": "short", "mappings": [{"type": "value", "options": {"1": {"text": "up"}, "0": {"text": "DOWN"}}}]}
    assert [shade_of(value, steps) for value in (-1, 0.9, 1, 5, 50)] == [FINE, FINE, WARN, BAD, BAD]
    assert [in_words(value, words) for value in (1, 0, 7)] == ["up", "DOWN", "7"]


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
        ("overview", "Lines by level", ["error"], "info"),
        ("service", "Lines by level", ["error"], "info"),
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
    draw_figure(canvas, Box(300, 0, 300, 200), {**panel, "options": {"colorMode": "none", "graphMode": "area"}}, odd)
    canvas.save(tmp_path / "odd.png")
    assert (tmp_path / "odd.png").read_bytes().startswith(b"\x89PNG")


def _panel() -> dict:
    steps = [{"value": None, "color": FINE}, {"value": 1.5, "color": BAD}]
    custom = {"stacking": {"mode": "none"}, "thresholdsStyle": {"mode": "dashed"}}
    defaults = {"unit": "s", "min": 0, "custom": custom, "thresholds": {"steps": steps}}
    return {"fieldConfig": {"defaults": defaults, "overrides": []}}


def test_picture_leaves_out_the_room_that_a_row_of_panels_does_not_need() -> None:
    def panel(number: int, x: int, y: int, h: int) -> dict:
        return {"id": number, "gridPos": {"x": x, "y": y, "w": 12, "h": h}}

    short, graph, tall, beside = panel(1, 0, 0, 8), panel(2, 0, 8, 8), panel(3, 12, 8, 8), panel(4, 0, 16, 4)
    needs = {1: 100.0, 2: None, 3: 60.0, 4: 60.0}
    saved = picture.saved_pixels([short, graph, tall, beside], needs)
    assert saved == {0: 8 * picture.GRID - picture.GAP - 100, 8: 0, 16: 4 * picture.GRID - picture.GAP - 60}
    # A panel that spans both rows keeps them as high as they are.
    tower = panel(5, 12, 0, 20)
    assert set(picture.saved_pixels([short, graph, beside, tower], needs).values()) == {0}


def test_call_is_shown_with_whom_it_was_made_to() -> None:
    def span(number: str, parent: str, service: str, kind: str, name: str, **attributes: str) -> Span:
        return Span("t", number, parent, service, kind, name, 0, 1, attributes=attributes)

    call, answer = span("1", "", "gateway", "CLIENT", "GET"), span("2", "1", "auth", "SERVER", "GET /session")
    query = span("3", "2", "auth", "CLIENT", "SELECT", **{"db.collection.name": "sessions"})
    outside = span("4", "2", "payments", "CLIENT", "POST", **{"server.address": "acquirer"})
    spans = [call, answer, query, outside]
    assert [said(one, spans) for one in spans] == ["GET → auth", "GET /session", "SELECT → sessions", "POST → acquirer"]
