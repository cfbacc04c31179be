"""Draws panels of one or a few values: figures, gauges, and panels without data."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.patches import Wedge

from sandbox.dashboards.snapshot.canvas import Box, Canvas, cut
from sandbox.dashboards.snapshot.data import Series
from sandbox.dashboards.snapshot.graphs import with_gaps
from sandbox.dashboards.snapshot.look import DIM, EDGE, TEXT, in_words, shade_of, text_on

__all__ = ["draw_dials", "draw_empty", "draw_figure"]

SMALL = 8.5
# A gauge extends from seven to five o'clock, in degrees counterclockwise from three o'clock.
_FROM, _WHOLE = 215, 250


def draw_figure(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    """Draw the last value with a sparkline behind it. Several series are side by side."""
    defaults, options = panel["fieldConfig"]["defaults"], panel["options"]
    solid = options["colorMode"].startswith("background")
    each = box.w / max(len(series), 1)
    if not series:
        _value(canvas, box, defaults.get("noValue", "No data"), None, "")
    for place, one in enumerate(series):
        cell = Box(box.x + place * each, box.y, each, box.h)
        ground = shade_of(one.last, defaults) if solid else None
        if ground:
            canvas.fill(cell.inside(4, 24, 4, 4), ground)
        if options["graphMode"] != "none":
            _course(canvas, cell.inside(4, box.h * 0.62, 4, 4), one, text_on(ground) if ground else "#56B4E9")
        mode = options.get("textMode")
        words = one.name if mode == "name" else in_words(one.last, defaults)
        _value(canvas, cell, words, ground, one.name if mode == "value_and_name" else "")


def draw_dials(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    """Draw one gauge per series, in the number of columns that makes them largest."""
    defaults = panel["fieldConfig"]["defaults"]
    low, high = defaults["min"], defaults["max"]
    space = box.inside(8, 28, 8, 6)
    columns = max(range(1, len(series) + 1), key=lambda n: min(space.w / n, space.h / math.ceil(len(series) / n)))
    wide, tall = space.w / columns, space.h / math.ceil(len(series) / columns)
    for place, one in enumerate(series):
        x, y = space.x + (place % columns + 0.5) * wide, space.y + (place // columns) * tall
        radius = min(wide * 0.42, (tall - 18) * 0.55)
        middle = (x, y + radius + 4)
        share = min(max((one.last - low) / (high - low), 0), 1)
        shade = shade_of(one.last, defaults)
        for part, colour in ((1.0, EDGE), (share, shade)):
            # The page's y axis points down, so angles increase clockwise.
            arc = Wedge(middle, radius, -_FROM, -_FROM + _WHOLE * part, width=radius * 0.28, facecolor=colour, lw=0)
            canvas.page.add_patch(arc)
        size = max(min(radius * 0.3, 20), 6)
        canvas.text(*middle, in_words(one.last, defaults), size, shade, ha="center", va="center", weight="bold")
        canvas.text(x, y + tall - 2, cut(one.name, wide - 4, SMALL), SMALL, TEXT, ha="center", va="bottom")


def draw_empty(canvas: Canvas, box: Box, text: str) -> None:
    """Draw the text that explains an empty result."""
    middle = (box.x + box.w / 2, box.y + 20 + (box.h - 20) / 2)
    canvas.text(*middle, cut(text, box.w - 12, 9), 9, DIM, ha="center", va="center")


def _value(canvas: Canvas, cell: Box, words: str, ground: str | None, name: str) -> None:
    ink = text_on(ground) if ground else TEXT
    size = min(24, 1.5 * (cell.w - 16) / max(len(words), 1) / 1.05)
    middle = cell.y + 24 + (cell.h - 24) * 0.40
    canvas.text(cell.x + cell.w / 2, middle, words, size, ink, ha="center", va="center", weight="bold")
    if name:
        text = cut(name, cell.w - 8, SMALL)
        canvas.text(cell.x + cell.w / 2, cell.y + cell.h - 8, text, SMALL, ink, ha="center", va="bottom")


def _course(canvas: Canvas, box: Box, one: Series, shade: str) -> None:
    if len(one.times) < 2:
        return
    axes = canvas.axes(box)
    axes.set_axis_off()
    axes.plot(*with_gaps(one), color=shade, linewidth=1, alpha=0.8)
    axes.fill_between(one.times, one.values, color=shade, alpha=0.15, linewidth=0)
    values = [0.0, *(value for value in one.values if math.isfinite(value))]
    low, high = min(values) * 1.1, max(values) * 1.1
    axes.set(xlim=(one.times[0], one.times[-1]), ylim=(low, high if high > low else 1))
