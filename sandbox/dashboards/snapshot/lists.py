"""Draws panels of rows: tables of metrics and of traces, log lines, the spans of one trace."""

import math
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sandbox.dashboards.snapshot.canvas import LETTER, PIXELS, Box, Canvas, cut
from sandbox.dashboards.snapshot.data import Series
from sandbox.dashboards.snapshot.look import DIM, TEXT, colours, displayed, in_words, properties, shade_of, text_on
from sandbox.dashboards.style import BAD, WARN, service_colours
from sandbox_testing.spans import Span
from sandbox_testing.stores import LogLine

__all__ = ["draw_log_lines", "draw_spans", "draw_table", "draw_traces", "lines_that_fit", "said"]

# Pixels of a table's row, of its heading, of its pagination, and of a log line or a span.
ROW, TURN, LINE = 36, 38, 20
SIZE = 9
LEVELS = {"error": BAD, "critical": BAD, "fatal": BAD, "warn": WARN, "warning": WARN}


def lines_that_fit(box: Box) -> int:
    """Return the number of log lines or spans that fit into a panel."""
    return max(int((box.h - 34) // LINE), 1)


def draw_table(canvas: Canvas, box: Box, panel: Mapping[str, Any], answers: Mapping[str, Sequence[Series]]) -> None:
    """Draw the merged results of a table's queries, one row per combination of labels."""
    overrides = panel["fieldConfig"]["overrides"]
    headings, rows = _merged(panel, answers)
    looks = [
        {
            one["id"]: one["value"]
            for each in overrides
            if each["matcher"]["options"] == heading
            for one in each["properties"]
        }
        for heading in headings
    ]
    cells = [[_cell(value, look, panel) for value, look in zip(row, looks, strict=True)] for row in rows]
    numbers = {heading for heading, look in zip(headings, looks, strict=True) if "unit" in look}
    _rows(canvas, box, headings, cells, [look.get("custom.width") for look in looks], numbers)


def _cell(value: Any, look: Mapping[str, Any], panel: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the text and the background colour of a cell."""
    if value in (None, ""):
        return look.get("noValue", panel["fieldConfig"]["defaults"].get("noValue", "")), None
    defaults = {"unit": "short", **look}
    coloured = "custom.cellOptions" in look
    if isinstance(value, str):
        mapped = [one["options"][value] for one in look.get("mappings", []) if value in one["options"]]
        return (mapped[0]["text"], mapped[0]["color"] if coloured else None) if mapped else (value, None)
    return in_words(value, defaults), shade_of(value, defaults) if coloured else None


def draw_traces(canvas: Canvas, box: Box, panel: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> None:
    headings = ["Trace ID", "Start time", "Service", "Name", "Duration"]
    cells = [
        [
            (one["traceID"], None),
            (f"{datetime.fromtimestamp(int(one['startTimeUnixNano']) / 1e9):%Y-%m-%d %H:%M:%S}", None),
            (one.get("rootServiceName", ""), None),
            (one.get("rootTraceName", ""), None),
            (displayed(one.get("durationMs", 0) / 1000, "s"), None),
        ]
        for one in found
    ]
    overrides = panel["fieldConfig"]["overrides"]
    widths = [next(iter(properties(heading, overrides, "custom.width")), None) for heading in headings]
    _rows(canvas, box, headings, cells, widths, {"Duration"})


def draw_log_lines(canvas: Canvas, box: Box, lines: Sequence[LogLine]) -> None:
    """Draw time and text of each line, wrapped, with the colour of its level."""
    y, end = box.y + 28, box.y + box.h - LINE
    letters = int((box.w - 190) / (SIZE * LETTER["mono"] * PIXELS))
    for line in lines:
        level = {**line.labels, **line.metadata}.get("detected_level", "")
        parts = textwrap.wrap(line.body, letters, drop_whitespace=False) or [""]
        for place, part in enumerate(parts):
            if y > end:
                return
            canvas.fill(Box(box.x + 8, y + 1, 3, LINE - 2), LEVELS.get(level, "#56B4E9"))
            if place == 0:
                when = f"{datetime.fromtimestamp(line.timestamp / 1e9):%Y-%m-%d %H:%M:%S}"
                canvas.text(box.x + 16, y + 3, when, SIZE, DIM, family="DejaVu Sans Mono")
            canvas.text(box.x + 180, y + 3, part, SIZE, TEXT, family="DejaVu Sans Mono")
            y += LINE


def draw_spans(canvas: Canvas, box: Box, spans: Sequence[Span]) -> None:
    """Draw the waterfall of one trace: each span below its parent, with its duration as length."""
    begin, end = min(span.start for span in spans), max(span.end for span in spans)
    whole = max(end - begin, 1)
    shades = colours(sorted({span.service for span in spans}), _service_overrides())
    ordered = _in_order(spans)
    fit = lines_that_fit(box)
    label = box.w * 0.36
    for row, (depth, span) in enumerate(ordered[:fit]):
        y = box.y + 28 + row * LINE
        name = cut(f"{span.service}  {said(span, spans)}", label - 20 - depth * 12, SIZE)
        canvas.text(box.x + 10 + depth * 12, y + 4, name, SIZE, BAD if span.status == "ERROR" else TEXT)
        space = box.w - label - 90
        left = box.x + label + (span.start - begin) / whole * space
        length = max((span.end - span.start) / whole * space, 2)
        canvas.fill(Box(left, y + 4, length, LINE - 8), BAD if span.status == "ERROR" else shades[span.service])
        canvas.text(left + length + 5, y + 4, displayed((span.end - span.start) / 1e9, "s"), 7.5, DIM)
    if len(ordered) > fit:
        canvas.text(
            box.x + box.w - 8,
            box.y + box.h - 4,
            f"and {len(ordered) - fit} more spans",
            7.5,
            DIM,
            ha="right",
            va="bottom",
        )


def said(span: Span, spans: Sequence[Span]) -> str:
    """Return a span's name; for a call also its target, because the name is only the method."""
    if span.kind != "CLIENT" or " " in span.name:
        return span.name
    answered = next((one.service for one in spans if one.parent_id == span.span_id), "")
    to = answered or span.attributes.get("db.collection.name") or span.attributes.get("server.address", "")
    return f"{span.name} → {to}" if to else span.name


def _merged(panel: Mapping[str, Any], answers: Mapping[str, Sequence[Series]]) -> tuple[list[str], list[list[Any]]]:
    """Return headings and rows as Grafana's transformations merge and organize produce them, in the given order."""
    organize = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    renamed, order = organize["renameByName"], sorted(organize["indexByName"], key=organize["indexByName"].get)
    values = [name for name in order if name.startswith("Value")]
    table: dict[tuple, dict[str, Any]] = {}
    for place, reference in enumerate(answers):
        for one in answers[reference]:
            key = tuple(sorted(one.labels.items()))
            table.setdefault(key, dict(key))[values[place]] = one.last
    # Labels that no transformation names are columns too.
    names = [*order, *sorted({name for row in table.values() for name in row} - {*order, *organize["excludeByName"]})]
    present = [name for name in names if any(name in row for row in table.values())]
    rows = [[row.get(name) for name in present] for row in table.values()]
    headings = [renamed.get(name, name) for name in present]
    for sort in reversed(panel["options"]["sortBy"]):
        if sort["displayName"] in headings:
            place = headings.index(sort["displayName"])
            rows.sort(key=_by(place), reverse=sort["desc"])
    return headings, rows


def _by(place: int) -> Callable[[list[Any]], tuple]:
    return lambda row: _comparable(row[place])


def _comparable(value: Any) -> tuple:
    return (1, value, "") if isinstance(value, float) and not math.isnan(value) else (0, 0.0, str(value))


def _rows(
    canvas: Canvas,
    box: Box,
    headings: Sequence[str],
    cells: Sequence[Sequence[tuple[str, str | None]]],
    fixed: Sequence[int | None],
    numbers: Collection[str],
) -> None:
    """Draw the complete rows of a page with their numbers and the total; numeric columns are right-aligned."""
    free = (box.w - 20 - sum(filter(None, fixed))) / max(sum(one is None for one in fixed), 1)
    widths = [one or free for one in fixed]
    room = box.h - 34 - ROW
    fit = int(room // ROW) if len(cells) * ROW <= room else max(int((room - TURN) // ROW), 1)
    x = box.x + 10
    for place, heading in enumerate(headings):
        y, right = box.y + 34, heading in numbers
        at, ha = (x + widths[place] - 10, "right") if right else (x, "left")
        canvas.text(at, y + 10, cut(heading, widths[place] - 6, SIZE), SIZE, DIM, weight="bold", ha=ha)
        for text, shade in (row[place] for row in cells[:fit]):
            y += ROW
            if shade:
                canvas.fill(Box(x - 4, y + 1, widths[place], ROW - 2), shade)
            ink = text_on(shade) if shade else TEXT
            canvas.text(at, y + 10, cut(text, widths[place] - 6, SIZE), SIZE, ink, ha=ha)
        x += widths[place]
    for row in range(len(cells[:fit])):
        y = box.y + 34 + (row + 1) * ROW
        canvas.rule(box.x + 6, y, box.x + box.w - 6, y)
    if len(cells) > fit:
        pages = f"1 - {fit} of {len(cells)} rows"
        canvas.text(box.x + box.w - 10, box.y + box.h - 8, pages, SIZE, DIM, ha="right", va="bottom")


def _in_order(spans: Sequence[Span]) -> list[tuple[int, Span]]:
    below: dict[str, list[Span]] = {}
    known = {span.span_id for span in spans}
    for span in spans:
        below.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    found: list[tuple[int, Span]] = []

    def walk(parent: str, depth: int) -> None:
        for span in sorted(below.get(parent, []), key=lambda one: one.start):
            found.append((depth, span))
            walk(span.span_id, depth + 1)

    walk("", 0)
    return found


def _service_overrides() -> list[dict[str, Any]]:
    return [
        {"matcher": {"id": "byRegexp", "options": pattern},
         "properties": [{"id": "color", "value": {"fixedColor": shade}}]}
        for pattern, shade in service_colours().items()
    ]  # fmt: skip
