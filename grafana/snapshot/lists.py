"""Panels of rows: tables of metrics and of traces, log lines, the spans of one trace."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from grafana.snapshot.canvas import Box, Canvas, cut, width_of
from grafana.snapshot.data import Series
from grafana.snapshot.look import DIM, TEXT, colours, displayed, shade_of, text_on
from grafana.style import BAD, WARN
from sandbox_testing.spans import Span
from sandbox_testing.stores import LogLine

__all__ = [
    "ROW", "count_rows", "draw_log_lines", "draw_spans", "draw_table", "draw_traces", "heading_and", "rows_that_fit",
    "said",
]  # fmt: skip

ROW = 20
SIZE = 8
LEVELS = {"error": BAD, "critical": BAD, "fatal": BAD, "warn": WARN, "warning": WARN}


def heading_and(rows: int) -> float:
    """The height of a panel with its title and so many rows."""
    return 38 + rows * ROW


def count_rows(panel: Mapping[str, Any], answers: Mapping[str, Sequence[Series]]) -> int:
    """How many rows `draw_table` has, without the headings."""
    return len(_merged(panel, answers)[1])


def rows_that_fit(box: Box, heading: int = 1) -> int:
    return max(int((box.h - 30) // ROW) - heading, 1)


def draw_table(canvas: Canvas, box: Box, panel: Mapping[str, Any], answers: Mapping[str, Sequence[Series]]) -> None:
    """The merged answers of a table's queries, one row for each combination of labels."""
    overrides = {one["matcher"]["options"]: one["properties"] for one in panel["fieldConfig"]["overrides"]}
    headings, rows = _merged(panel, answers)
    shown = rows[: rows_that_fit(box)]
    cells, shades = [], []
    for row in shown:
        texts, grounds = [], []
        for heading, value in zip(headings, row, strict=True):
            looks = {one["id"]: one["value"] for one in overrides.get(heading, [])}
            number = isinstance(value, float)
            texts.append(displayed(value, looks.get("unit", "short")) if number else value)
            coloured = number and "custom.cellOptions" in looks and not math.isnan(value)
            grounds.append(shade_of(value, looks["thresholds"]) if coloured else None)
        cells.append(texts)
        shades.append(grounds)
    _rows(canvas, box, headings, cells, shades, hidden=len(rows) - len(shown))


def draw_traces(canvas: Canvas, box: Box, found: Sequence[Mapping[str, Any]]) -> None:
    headings = ["Trace", "Start", "Service", "Name", "Duration"]
    cells = [
        [
            one["traceID"].zfill(32)[:16] + "…",
            _clock(int(one["startTimeUnixNano"]) / 1e9),
            one.get("rootServiceName", ""),
            one.get("rootTraceName", ""),
            displayed(one.get("durationMs", 0) / 1000, "s"),
        ]
        for one in found[: rows_that_fit(box)]
    ]
    _rows(canvas, box, headings, cells, [[None] * 5 for _ in cells])


def draw_log_lines(canvas: Canvas, box: Box, lines: Sequence[LogLine]) -> None:
    """Time, level, service and message of each line, and what else it says."""
    y = box.y + 28
    for line in lines[: rows_that_fit(box, heading=0)]:
        try:
            fields = dict(line.fields)
        except ValueError:
            fields = {"message": line.body, "service": line.service}
        level = str(fields.get("level", "")).lower()
        canvas.fill(Box(box.x + 8, y + 2, 3, ROW - 5), LEVELS.get(level, "#56B4E9"))
        left = (
            f"{_clock(line.timestamp / 1e9)}  {level:<8.8} {fields.get('service', ''):<9.9} {fields.get('message', '')}"
        )
        space = box.w - 24
        canvas.text(box.x + 16, y + 3, cut(left, space, SIZE, "mono"), SIZE, TEXT, family="DejaVu Sans Mono")
        used = width_of(left + "  ", SIZE, "mono")
        if used < space - 80:
            rest = cut(_rest(fields), space - used, SIZE, "mono")
            canvas.text(box.x + 16 + used, y + 3, rest, SIZE, DIM, family="DejaVu Sans Mono")
        y += ROW


def draw_spans(canvas: Canvas, box: Box, spans: Sequence[Span]) -> None:
    """The waterfall of one trace: each span below the one that caused it, as long as it took."""
    begin, end = min(span.start for span in spans), max(span.end for span in spans)
    whole = max(end - begin, 1)
    shades = colours(sorted({span.service for span in spans}), _service_overrides())
    ordered = _in_order(spans)
    fit = rows_that_fit(box, heading=0)
    label = box.w * 0.36
    for row, (depth, span) in enumerate(ordered[:fit]):
        y = box.y + 28 + row * ROW
        name = cut(f"{span.service}  {said(span, spans)}", label - 20 - depth * 12, SIZE)
        canvas.text(box.x + 10 + depth * 12, y + 4, name, SIZE, BAD if span.status == "ERROR" else TEXT)
        space = box.w - label - 90
        left = box.x + label + (span.start - begin) / whole * space
        length = max((span.end - span.start) / whole * space, 2)
        canvas.fill(Box(left, y + 4, length, ROW - 8), BAD if span.status == "ERROR" else shades[span.service])
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
    """A span's name; and of a call whom it was made to, because its name is its method alone."""
    if span.kind != "CLIENT" or " " in span.name:
        return span.name
    answered = next((one.service for one in spans if one.parent_id == span.span_id), "")
    to = answered or span.attributes.get("db.collection.name") or span.attributes.get("server.address", "")
    return f"{span.name} → {to}" if to else span.name


def _merged(panel: Mapping[str, Any], answers: Mapping[str, Sequence[Series]]) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows, as Grafana's transformations merge and organize would leave them, in the order asked for."""
    organize = next(one["options"] for one in panel["transformations"] if one["id"] == "organize")
    renamed, order = organize["renameByName"], sorted(organize["indexByName"], key=organize["indexByName"].get)
    values = [name for name in order if name.startswith("Value")]
    table: dict[tuple, dict[str, Any]] = {}
    for place, reference in enumerate(answers):
        for one in answers[reference]:
            key = tuple(sorted((k, v) for k, v in one.labels.items() if k in order))
            table.setdefault(key, dict(key))[values[place]] = one.last
    present = [name for name in order if any(name in row for row in table.values())]
    rows = [[row.get(name, math.nan if name in values else "") for name in present] for row in table.values()]
    headings = [renamed[name] for name in present]
    [sort] = panel["options"]["sortBy"]
    if sort["displayName"] in headings:
        place = headings.index(sort["displayName"])
        rows.sort(key=lambda row: _comparable(row[place]), reverse=sort["desc"])
    return headings, rows


def _comparable(value: Any) -> tuple:
    return (1, value, "") if isinstance(value, float) and not math.isnan(value) else (0, 0.0, str(value))


def _rows(
    canvas: Canvas,
    box: Box,
    headings: Sequence[str],
    cells: Sequence[Sequence[str]],
    shades: Sequence[Sequence[str | None]],
    hidden: int = 0,
) -> None:
    longest = [max([len(h), *(len(row[place]) for row in cells)]) + 2 for place, h in enumerate(headings)]
    widths = [(box.w - 20) * letters / sum(longest) for letters in longest]
    x = box.x + 10
    for place, heading in enumerate(headings):
        y = box.y + 28
        canvas.text(x, y + 2, cut(heading, widths[place] - 6, SIZE), SIZE, DIM, weight="bold")
        for row, texts in enumerate(cells):
            y = box.y + 28 + (row + 1) * ROW
            shade = shades[row][place]
            if shade:
                canvas.fill(Box(x - 4, y + 1, widths[place] - 4, ROW - 2), shade)
            canvas.text(x, y + 4, cut(texts[place], widths[place] - 6, SIZE), SIZE, text_on(shade) if shade else TEXT)
        x += widths[place]
    for row in range(len(cells)):
        y = box.y + 28 + (row + 1) * ROW
        canvas.rule(box.x + 6, y, box.x + box.w - 6, y)
    if hidden:
        canvas.text(box.x + box.w - 8, box.y + 6, f"and {hidden} more rows", 7.5, DIM, ha="right")


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
    from grafana.style import service_colours

    return [
        {"matcher": {"id": "byRegexp", "options": pattern},
         "properties": [{"id": "color", "value": {"fixedColor": shade}}]}
        for pattern, shade in service_colours().items()
    ]  # fmt: skip


def _rest(fields: Mapping[str, Any]) -> str:
    told = {"timestamp", "level", "service", "message", "environment", "version", "logger", "spanId", "stack_trace"}
    rest = {key: value for key, value in fields.items() if key not in told and value not in ("", None)}
    return "  ".join(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in rest.items())


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")
