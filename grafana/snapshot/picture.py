"""A dashboard as one picture, in its own layout."""

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from grafana.queries import Query, load, queries_of, values_of
from grafana.snapshot.canvas import Box, Canvas, cut
from grafana.snapshot.data import Stores
from grafana.snapshot.graphs import Marks, draw_dials, draw_empty, draw_figure, draw_lines, draw_states
from grafana.snapshot.lists import draw_log_lines, draw_spans, draw_table, draw_traces, rows_that_fit
from grafana.snapshot.look import DIM, TEXT
from grafana.style import BAD
from tests.support.stack import Stack

__all__ = ["render"]

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


class _Picture:
    def __init__(self, board: Mapping[str, Any], stores: Stores, queries: list[Query]) -> None:
        self.board, self.stores, self.queries = board, stores, queries
        bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        self.canvas = Canvas(WIDTH, HEADER + bottom * GRID + MARGIN)
        self.marks: Marks = self._marks()

    def draw(self, chosen: Mapping[str, str]) -> None:
        self._head(chosen)
        for panel in self.board["panels"]:
            box = _place(panel["gridPos"])
            if panel["type"] == "row":
                self.canvas.text(box.x + 2, box.y + box.h / 2, panel["title"], 11, TEXT, va="center", weight="bold")
                continue
            self.canvas.card(box)
            title = cut(panel["title"], box.w - 16, 9.5)
            self.canvas.text(box.x + 10, box.y + 6, title, 9.5, TEXT, weight="bold")
            try:
                shown = self._panel(panel, box)
            except httpx.HTTPError as refused:
                shown = True
                draw_empty(self.canvas, box, f"{type(refused).__name__}: its store does not answer")
            if not shown:
                draw_empty(self.canvas, box, panel["fieldConfig"]["defaults"].get("noValue", "No data"))

    def _panel(self, panel: Mapping[str, Any], box: Box) -> bool:
        """Whether there was anything to draw."""
        mine = [one for one in self.queries if one.panel == panel["title"]]
        kind, [first, *_] = panel["type"], mine
        if kind == "logs":
            found = self.stores.lines(first, rows_that_fit(box, heading=0))
            return bool(found) and draw_log_lines(self.canvas, box, found) is None
        if kind == "traces":
            spans = self.stores.trace(first.expression)
            return bool(spans) and draw_spans(self.canvas, box, spans) is None
        if first.store == "tempo":
            traces = self.stores.traces(first, rows_that_fit(box))
            return bool(traces) and draw_traces(self.canvas, box, traces) is None
        answers = {query.reference: self.stores.series(query) for query in mine}
        return any(answers.values()) and self._numbers(panel, box, mine, answers) is None

    def _numbers(self, panel: Mapping[str, Any], box: Box, queries: list[Query], answers: Mapping[str, Any]) -> None:
        series, span = [one for answer in answers.values() for one in answer], (self.stores.start, self.stores.end)
        inner = box.inside(top=26, bottom=6)
        if panel["type"] == "table":
            draw_table(self.canvas, box, panel, answers)
        elif panel["type"] == "stat":
            draw_figure(self.canvas, box, panel, series)
        elif panel["type"] == "gauge":
            draw_dials(self.canvas, box, panel, series)
        elif panel["type"] == "state-timeline":
            draw_states(self.canvas, inner, panel, series, span, self.stores.step, self.marks)
        else:
            asked = {target["refId"] for target in panel["targets"] if target.get("exemplar")}
            points = [point for one in queries if one.reference in asked for point in self.stores.exemplars(one)]
            draw_lines(self.canvas, inner, panel, series, span, self.marks, points)

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
            "drawn from live data; dotted lines: an alert (orange), a deploy (blue)",
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


def _place(grid: Mapping[str, int]) -> Box:
    column = (WIDTH - 2 * MARGIN + GAP) / 24
    return Box(MARGIN + grid["x"] * column, HEADER + grid["y"] * GRID, grid["w"] * column - GAP, grid["h"] * GRID - GAP)
