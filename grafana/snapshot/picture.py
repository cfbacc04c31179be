"""A dashboard as one picture, in its own layout."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from grafana.queries import Query, load, queries_of, values_of
from grafana.snapshot.canvas import Box, Canvas, cut
from grafana.snapshot.data import Stores
from grafana.snapshot.graphs import Marks, draw_dials, draw_empty, draw_figure, draw_lines, draw_states
from grafana.snapshot.lists import (
    count_rows,
    draw_log_lines,
    draw_spans,
    draw_table,
    draw_traces,
    heading_and,
    rows_that_fit,
)
from grafana.snapshot.look import DIM, TEXT
from grafana.style import BAD
from tests.support.stack import Stack

__all__ = ["render", "saved_pixels"]

WIDTH, MARGIN, GAP, HEADER = 1500, 16, 8, 56
# A row of Grafana's grid, with the gap below it.
GRID = 38


def render(
    dashboard_uid: str,
    start: float,
    end: float,
    path: Path | str,
    *,
    variables: Mapping[str, str] | None = None,
    stack: Stack | None = None,
) -> Path:
    """Draw a dashboard from what the stores hold of the time from ``start`` to ``end`` (seconds since the epoch).

    ``variables`` chooses values (``{"service": "payments"}``); without a ``trace`` a payment's is taken. A panel whose
    store does not answer says so in its place. Writes a PNG of 1500 pixels' width to ``path`` and returns it. Raises
    ``FileNotFoundError`` for an unknown dashboard and ``ValueError`` when ``end`` is not after ``start``.
    """
    if end <= start:
        raise ValueError(f"nothing lies between {start} and {end}: end must be after start")
    board = load(dashboard_uid)
    stores = Stores(stack or Stack(), start, end)
    try:
        values = values_of(board, variables, seconds=end - start, step=stores.step)
        if values.get("trace") == "":
            values["trace"] = _some_trace(stores)
        picture = _Picture(board, stores, list(queries_of(board, values)))
        own = [one["name"] for one in board["templating"].get("list", [])]
        picture.draw({name: values[name] for name in own if values[name] not in ("", ".+")})
    finally:
        stores.close()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.canvas.save(path)
    return path


@dataclass(frozen=True)
class _Content:
    """What a panel shows: ``draw`` puts it into a box, ``height`` (pixels) is what it needs; None for all there is."""

    draw: Callable[[Box], None]
    height: float | None = None


class _Picture:
    def __init__(self, board: Mapping[str, Any], stores: Stores, queries: list[Query]) -> None:
        self.board, self.stores, self.queries = board, stores, queries
        self.marks: Marks = self._marks()
        self.contents = {panel["id"]: self._answered(panel) for panel in board["panels"] if panel["type"] != "row"}
        self.saved = saved_pixels(
            board["panels"], {number: content.height for number, content in self.contents.items()}
        )
        bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        self.canvas = Canvas(WIDTH, round(HEADER + bottom * GRID + MARGIN - sum(self.saved.values())))

    def draw(self, chosen: Mapping[str, str]) -> None:
        self._head(chosen)
        for panel in self.board["panels"]:
            box = _place(panel["gridPos"], self.saved)
            if panel["type"] == "row":
                self.canvas.text(box.x + 2, box.y + box.h / 2, panel["title"], 11, TEXT, va="center", weight="bold")
                continue
            self.canvas.card(box)
            title = cut(panel["title"], box.w - 16, 9.5)
            self.canvas.text(box.x + 10, box.y + 6, title, 9.5, TEXT, weight="bold")
            self.contents[panel["id"]].draw(box)

    def _answered(self, panel: Mapping[str, Any]) -> _Content:
        """What the stores say, or in its place why they say nothing."""
        try:
            if content := self._content(panel):
                return content
            told = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        except httpx.HTTPError as refused:
            told = f"{type(refused).__name__}: its store does not answer"
        return _Content(lambda box: draw_empty(self.canvas, box, told), heading_and(1))

    def _content(self, panel: Mapping[str, Any]) -> _Content | None:
        """None when there is nothing to draw."""
        mine = [one for one in self.queries if one.panel == panel["title"]]
        kind, [first, *_] = panel["type"], mine
        most = rows_that_fit(_place(panel["gridPos"], {}), heading=0)
        if kind == "logs":
            lines = self.stores.lines(first, most)
            return (
                _Content(lambda box: draw_log_lines(self.canvas, box, lines), heading_and(len(lines)))
                if lines
                else None
            )
        if kind == "traces":
            spans = self.stores.trace(first.expression)
            return _Content(lambda box: draw_spans(self.canvas, box, spans), heading_and(len(spans))) if spans else None
        if first.store == "tempo":
            traces = self.stores.traces(first, most - 1)
            rows = heading_and(len(traces) + 1)
            return _Content(lambda box: draw_traces(self.canvas, box, traces), rows) if traces else None
        answers = {query.reference: self.stores.series(query) for query in mine}
        return self._numbers(panel, mine, answers) if any(answers.values()) else None

    def _numbers(self, panel: Mapping[str, Any], queries: list[Query], answers: Mapping[str, Any]) -> _Content:
        series, span = [one for answer in answers.values() for one in answer], (self.stores.start, self.stores.end)
        step = self.stores.step
        if panel["type"] == "table":
            rows = heading_and(count_rows(panel, answers) + 1)
            return _Content(lambda box: draw_table(self.canvas, box, panel, answers), rows)
        if panel["type"] == "stat":
            return _Content(lambda box: draw_figure(self.canvas, box, panel, series))
        if panel["type"] == "gauge":
            return _Content(lambda box: draw_dials(self.canvas, box, panel, series))
        if panel["type"] == "state-timeline":
            return _Content(
                lambda box: draw_states(self.canvas, _inner(box), panel, series, span, step, self.marks),
                heading_and(len(series) + 1),
            )
        asked = {target["refId"] for target in panel["targets"] if target.get("exemplar")}
        points = [point for one in queries if one.reference in asked for point in self.stores.exemplars(one)]
        return _Content(lambda box: draw_lines(self.canvas, _inner(box), panel, series, span, self.marks, points))

    def _head(self, chosen: Mapping[str, str]) -> None:
        start, end = (datetime.fromtimestamp(moment) for moment in (self.stores.start, self.stores.end))
        of = "  ".join(f"{name}: {value}" for name, value in chosen.items())
        self.canvas.text(MARGIN, 14, self.board["title"], 17, TEXT, weight="bold")
        zone = time.strftime("%Z", time.localtime(self.stores.end))
        said = f"{of}    {start:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} {zone}".strip()
        self.canvas.text(WIDTH - MARGIN, 16, said, 9, DIM, ha="right")
        self.canvas.text(
            WIDTH - MARGIN,
            34,
            "drawn from live data; orange: an alert begins (dotted) and lasts (strip on top); blue: a deploy",
            8,
            DIM,
            ha="right",
        )

    def _marks(self) -> Marks:
        """Alerts and deploys, as the dashboard's annotations find them."""
        shades = {f"annotation {one['name']}": one["iconColor"] for one in self.board["annotations"]["list"]}
        marks = []
        for query in self.queries:
            if query.panel in shades:
                try:
                    found = self.stores.series(query)
                except httpx.HTTPError:
                    continue
                for one in found:
                    # A deploy is a moment, an alert lasts.
                    until = one.times[-1] if shades[query.panel] == BAD else one.times[0]
                    marks.append((one.times[0], until, shades[query.panel]))
        return marks


def _some_trace(stores: Stores) -> str:
    """The newest payment that reached the card network, so that a picture without a chosen trace shows something."""
    paid = '{ name = "POST /api/payments" && kind = server } && { resource.service.name = "payments" && kind = client }'
    query = Query("", "", "A", "tempo", "traceql", paid)
    try:
        found = stores.traces(query, 1)
    except httpx.HTTPError:
        return ""
    return found[0]["traceID"].zfill(32) if found else ""


def saved_pixels(panels: Sequence[Mapping[str, Any]], heights: Mapping[int, float | None]) -> dict[int, float]:
    """Pixels that can be left out of each row of panels, by its place in the grid: what none of them needs.

    A panel that stands beside several rows keeps them as high as the dashboard has them.
    """
    saved = {}
    for top in {panel["gridPos"]["y"] for panel in panels}:
        row = [panel for panel in panels if panel["gridPos"]["y"] == top]
        bottom = top + max(panel["gridPos"]["h"] for panel in row)
        alone = not any(
            other not in row and other["gridPos"]["y"] < bottom and other["gridPos"]["y"] + other["gridPos"]["h"] > top
            for other in panels
        )
        full = (bottom - top) * GRID - GAP
        needed = max(heights.get(panel.get("id")) or full for panel in row)
        saved[top] = max(full - needed, 0) if alone else 0
    return saved


def _place(grid: Mapping[str, int], saved: Mapping[int, float]) -> Box:
    column = (WIDTH - 2 * MARGIN + GAP) / 24
    above = sum(pixels for top, pixels in saved.items() if top < grid["y"])
    height = grid["h"] * GRID - GAP - saved.get(grid["y"], 0)
    return Box(MARGIN + grid["x"] * column, HEADER + grid["y"] * GRID - above, grid["w"] * column - GAP, height)


def _inner(box: Box) -> Box:
    return box.inside(top=26, bottom=6)
