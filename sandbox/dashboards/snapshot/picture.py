"""Draws a dashboard as one picture, in its own layout."""

import math
import time
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx

from sandbox.dashboards.queries import Query, load, queries_of, values_of
from sandbox.dashboards.snapshot.canvas import Box, Canvas, cut
from sandbox.dashboards.snapshot.cards import draw_dials, draw_empty, draw_figure
from sandbox.dashboards.snapshot.data import Series, Stores
from sandbox.dashboards.snapshot.graphs import Marks, draw_lines, draw_states
from sandbox.dashboards.snapshot.lists import draw_log_lines, draw_spans, draw_table, draw_traces, lines_that_fit
from sandbox.dashboards.snapshot.look import DIM, TEXT
from sandbox.model.stack import Stack

__all__ = ["render"]

WIDTH, MARGIN, GAP, HEADER = 1500, 16, 8, 56
# Pixels of a row of Grafana's grid, including the gap below it.
GRID = 38
MOST_TRACES = 20


def render(
    dashboard_uid: str,
    start: float,
    end: float,
    path: Path | str,
    *,
    variables: Mapping[str, str] | None = None,
    stack: Stack | None = None,
) -> Path:
    """Draw a dashboard from the stores' data between ``start`` and ``end`` (seconds since the epoch).

    ``variables`` sets variables (``{"service": "payments"}``). With a ``trace``, the row that shows it is expanded. A
    panel whose store does not respond shows that as text. Writes a PNG 1500 pixels wide to ``path`` and returns it.
    Raises ``FileNotFoundError`` for an unknown dashboard and ``ValueError`` if ``end`` is not after ``start``.
    """
    if end <= start:
        raise ValueError(f"nothing lies between {start} and {end}: end must be after start")
    board = load(dashboard_uid)
    stores = Stores(stack or Stack(), start, end)
    try:
        values = values_of(board, variables, seconds=end - start, step=stores.step)
        picture = _Picture(board, stores, values)
        own = [one["name"] for one in board["templating"].get("list", []) if one["name"] != "marks"]
        picture.draw({name: values[name] for name in own if values[name] not in ("", ".+")})
    finally:
        stores.close()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.canvas.save(path)
    return path


class _Picture:
    def __init__(self, board: Mapping[str, Any], stores: Stores, values: Mapping[str, str]) -> None:
        self.board, self.stores, self.queries = board, stores, list(queries_of(board, values))
        self.marks: Marks = self._marks()
        self.opened = bool(values.get("trace"))
        self.panels = []
        for panel in board["panels"]:
            self.panels += [panel, *(panel.get("panels", []) if self.opened else [])]
        bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in self.panels)
        self.canvas = Canvas(WIDTH, HEADER + bottom * GRID + MARGIN)

    def draw(self, chosen: Mapping[str, str]) -> None:
        self._head(chosen)
        for panel in self.panels:
            box = _place(panel["gridPos"])
            if panel["type"] == "row":
                mark = "▸ " if panel.get("panels") and not self.opened else "▾ "
                self.canvas.text(box.x + 2, box.y + box.h / 2, mark + panel["title"], 11, TEXT, va="center")
                continue
            self.canvas.card(box)
            title = cut(panel["title"], box.w - 16, 9.5)
            self.canvas.text(box.x + 10, box.y + 6, title, 9.5, TEXT, weight="bold")
            self._answered(panel, box)

    def _answered(self, panel: Mapping[str, Any], box: Box) -> None:
        """Draw the stores' result, or in its place why there is none."""
        try:
            if self._drawn(panel, box):
                return
            told = panel["fieldConfig"]["defaults"].get("noValue", "No data")
        except httpx.HTTPError as refused:
            told = f"{type(refused).__name__}: its store does not answer"
        draw_empty(self.canvas, box, told)

    def _drawn(self, panel: Mapping[str, Any], box: Box) -> bool:
        """Draw a panel; return whether it had data."""
        mine = [one for one in self.queries if one.panel == panel["title"]]
        kind, [first, *_] = panel["type"], mine
        if kind == "logs":
            found: Any = self.stores.lines(first, lines_that_fit(box))
            draw_log_lines(self.canvas, box, found)
        elif kind == "traces":
            found = self.stores.trace(first.expression)
            if found:
                draw_spans(self.canvas, box, found)
        elif first.store == "tempo":
            found = self.stores.traces(first, MOST_TRACES)
            if found:
                draw_traces(self.canvas, box, panel, found)
        else:
            answers = {query.reference: self.stores.series(query) for query in mine}
            found = [one for answer in answers.values() for one in answer]
            if found or kind == "stat":
                self._numbers(panel, box, mine, answers)
            return bool(found) or kind == "stat"
        return bool(found)

    def _numbers(
        self, panel: Mapping[str, Any], box: Box, queries: list[Query], answers: Mapping[str, list[Series]]
    ) -> None:
        series = [one for answer in answers.values() for one in answer]
        span = (self.stores.start, self.stores.end)
        if panel["type"] == "table":
            draw_table(self.canvas, box, panel, answers)
        elif panel["type"] == "stat":
            draw_figure(self.canvas, box, panel, series)
        elif panel["type"] == "gauge":
            draw_dials(self.canvas, box, panel, series)
        elif panel["type"] == "state-timeline":
            draw_states(self.canvas, _inner(box), panel, series, span, self.stores.step, self.marks)
        else:
            asked = {target["refId"] for target in panel["targets"] if target.get("exemplar")}
            points = [point for one in queries if one.reference in asked for point in self.stores.exemplars(one)]
            draw_lines(self.canvas, _inner(box), panel, series, span, self.marks, points)

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
            "drawn from live data, not by Grafana; dashed lines: a page begins (orange), a release begins (blue)",
            8,
            DIM,
            ha="right",
        )

    def _marks(self) -> Marks:
        """Return the results of the dashboard's annotations.

        Like Grafana, joins points at most one step apart into a region.
        """
        shades = {f"annotation {one['name']}": one["iconColor"] for one in self.board["annotations"]["list"]}
        marks = []
        for query in self.queries:
            if query.panel in shades:
                try:
                    found = self.stores.series(query)
                except httpx.HTTPError:
                    continue
                for one in found:
                    begins = [
                        when for before, when in pairwise([-math.inf, *one.times]) if when - before > self.stores.step
                    ]
                    for begin, after in pairwise([*begins, math.inf]):
                        end = max(when for when in one.times if begin <= when < after)
                        marks.append((begin, end, shades[query.panel]))
        return marks


def _place(grid: Mapping[str, int]) -> Box:
    column = (WIDTH - 2 * MARGIN + GAP) / 24
    top = HEADER + grid["y"] * GRID
    return Box(MARGIN + grid["x"] * column, top, grid["w"] * column - GAP, grid["h"] * GRID - GAP)


def _inner(box: Box) -> Box:
    return box.inside(top=26, bottom=6)
