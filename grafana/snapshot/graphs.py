"""Panels over time: lines, bars of states; and single numbers with their course."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, MultipleLocator

from grafana.snapshot.canvas import Box, Canvas, cut, width_of
from grafana.snapshot.data import Series
from grafana.snapshot.look import DIM, EDGE, TEXT, colours, dashed, displayed, in_words, shade_of, text_on

__all__ = ["Marks", "draw_dials", "draw_empty", "draw_figure", "draw_lines", "draw_states"]

LEGEND_LINE = 15
# The height below which names of states would overlap.
STATE_LINE = 13
SMALL = 7.5

# Seconds between two times on the axis: the first that gives at most five.
_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800, 10**9)

# What is drawn over every graph: (first second, last second, colour).
Marks = Sequence[tuple[float, float, str]]


def draw_lines(
    canvas: Canvas,
    box: Box,
    panel: Mapping[str, Any],
    series: Sequence[Series],
    span: tuple[float, float],
    marks: Marks,
    points: Sequence[tuple[float, float]] = (),
) -> None:
    """Lines or a stack, with limits, marks and exemplars, and a legend with the last values."""
    defaults, overrides = panel["fieldConfig"]["defaults"], panel["fieldConfig"]["overrides"]
    shades = colours([one.name for one in series], overrides)
    below = _legend(canvas, box, series, shades, defaults["unit"])
    axes = canvas.axes(box.inside(left=58, right=6, top=2, bottom=below + 20))
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    if stacked:
        _stack(axes, series, shades)
    else:
        for one in series:
            style = "--" if dashed(one.name, overrides) else "-"
            axes.plot(*_with_gaps(one), color=shades[one.name], linewidth=1.6, linestyle=style)
            if len(one.times) == 1:
                axes.plot(one.times, one.values, "o", color=shades[one.name], markersize=3)
    _scale(axes, series, defaults, stacked)
    _limits(axes, defaults)
    if shown := _slowest(points, span, axes.get_ylim()[1]):
        axes.plot(*zip(*shown, strict=True), "D", color="#FFFFFF", markersize=3.6, markeredgecolor="#111217", mew=0.5)
    _times(axes, span)
    _mark(axes, marks)


def draw_states(
    canvas: Canvas,
    box: Box,
    panel: Mapping[str, Any],
    series: Sequence[Series],
    span: tuple[float, float],
    step: float,
    marks: Marks,
) -> None:
    """One bar a series, coloured and named by its state."""
    defaults = panel["fieldConfig"]["defaults"]
    fit = max(int((box.h - 22) // STATE_LINE), 1)
    if len(series) > fit:
        told = f"and {len(series) - fit} more"
        canvas.text(box.x + box.w - 8, box.y - 18, told, SMALL, DIM, ha="right")
        series = series[:fit]
    left = min(max(width_of(one.name, SMALL) for one in series) + 10, box.w * 0.35)
    axes = canvas.axes(box.inside(left=left, right=6, top=2, bottom=20))
    for place, one in enumerate(series):
        for begin, end, value in _runs(one, step, span):
            shade = shade_of(value, defaults["thresholds"])
            axes.broken_barh([(begin, end - begin)], (place + 0.1, 0.8), facecolors=shade)
            words = in_words(value, defaults)
            if (end - begin) / (span[1] - span[0]) * (box.w - left) > width_of(words, SMALL) + 6:
                axes.text(
                    (begin + end) / 2,
                    place + 0.5,
                    words,
                    ha="center",
                    va="center",
                    fontsize=SMALL,
                    color=text_on(shade),
                )
    axes.set_ylim(len(series), 0)
    axes.set_yticks([place + 0.5 for place in range(len(series))], [cut(s.name, left - 8, SMALL) for s in series])
    _times(axes, span)
    axes.grid(visible=False, axis="y")
    # The bars themselves say how long.
    _mark(axes, [(begin, begin, shade) for begin, _, shade in marks])


def draw_figure(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    """The last value, large; its course behind it. Several series share the card side by side."""
    defaults, options = panel["fieldConfig"]["defaults"], panel["options"]
    solid = options["colorMode"].startswith("background")
    shown = list(series)[:4]
    each = box.w / len(shown)
    for place, one in enumerate(shown):
        cell = Box(box.x + place * each, box.y, each, box.h)
        shade = shade_of(one.last, defaults["thresholds"])
        ground = shade if solid else None
        if ground:
            canvas.fill(cell.inside(4, 24, 4, 4), ground)
        ink = text_on(ground) if ground else TEXT
        if options["graphMode"] != "none":
            _spark(canvas, cell.inside(4, box.h * 0.62, 4, 4), one, ink if ground else "#56B4E9")
        words = one.name if options.get("textMode") == "name" else in_words(one.last, defaults)
        size = min(24, 1.5 * (each - 16) / max(len(words), 1) / 1.05)
        middle = cell.y + 24 + (box.h - 24) * 0.40
        canvas.text(cell.x + cell.w / 2, middle, words, size, ink, ha="center", va="center", weight="bold")
        if options.get("textMode") == "value_and_name" and len(shown) > 1:
            canvas.text(cell.x + cell.w / 2, cell.y + box.h - 8, one.name, SMALL, ink, ha="center", va="bottom")


def draw_dials(canvas: Canvas, box: Box, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    """A share of a whole for each series: a bar from empty to full, so that more and less are seen by length."""
    defaults = panel["fieldConfig"]["defaults"]
    low, high = defaults["min"], defaults["max"]
    shown = list(series)[: max(int((box.h - 30) // 22), 1)]
    each = min((box.h - 34) / len(shown), 90)
    first = box.y + 24 + (box.h - 34 - each * len(shown)) / 2
    for place, one in enumerate(shown):
        top = first + place * each
        shade = shade_of(one.last, defaults["thresholds"])
        bar = Box(box.x + 10, top + each * 0.45, box.w - 20, max(each * 0.42, 6))
        canvas.fill(bar, EDGE)
        full = 0 if math.isnan(one.last) else min(max((one.last - low) / (high - low), 0), 1)
        canvas.fill(Box(bar.x, bar.y, bar.w * full, bar.h), shade)
        if one.last < low:
            # An empty bar would look like no data.
            canvas.fill(bar, shade, alpha=0.35)
            canvas.text(bar.x + bar.w / 2, bar.y + bar.h / 2, "overspent", SMALL, TEXT, ha="center", va="center")
        canvas.text(bar.x, bar.y - 3, cut(one.name, bar.w - 70, 8), 8, va="bottom")
        words = in_words(one.last, defaults)
        canvas.text(bar.x + bar.w, bar.y - 3, words, 9 if each < 60 else 18, ha="right", va="bottom", weight="bold")


def draw_empty(canvas: Canvas, box: Box, text: str) -> None:
    """What emptiness means."""
    middle = (box.x + box.w / 2, box.y + 20 + (box.h - 20) / 2)
    canvas.text(*middle, cut(text, box.w - 12, 8.5), 8.5, DIM, ha="center", va="center", style="italic")


def _legend(canvas: Canvas, box: Box, series: Sequence[Series], shades: Mapping[str, str], unit: str) -> float:
    """Names and last values below the graph, in at most three lines; returns their height."""
    entries = [(one.name, f"{one.name}  {displayed(one.last, unit)}") for one in series]
    rows: list[list[tuple[str, str]]] = [[]]
    free = box.w - 16
    for name, text in entries:
        needs = width_of(text, SMALL) + 28
        if needs > free and rows[-1]:
            rows.append([])
            free = box.w - 16
        rows[-1].append((name, text))
        free -= needs
    most = max(1, min(3, int(box.h // 70)))
    hidden = sum(len(row) for row in rows[most:])
    rows = rows[:most]
    if hidden:
        while len(rows[-1]) > 1 and sum(width_of(text, SMALL) + 28 for _, text in rows[-1]) > box.w - 100:
            rows[-1].pop()
            hidden += 1
    y = box.y + box.h - LEGEND_LINE * len(rows)
    for row in rows:
        x = box.x + 10
        for name, text in row:
            canvas.fill(Box(x, y + 6, 14, 3), shades[name])
            canvas.text(x + 19, y + 1, cut(text, box.w - 40, SMALL), SMALL, TEXT)
            x += width_of(text, SMALL) + 28
        y += LEGEND_LINE
    if hidden:
        canvas.text(box.x + box.w - 8, y + 1 - LEGEND_LINE, f"and {hidden} more", SMALL, DIM, ha="right")
    return LEGEND_LINE * len(rows) + 2


def _stack(axes: Axes, series: Sequence[Series], shades: Mapping[str, str]) -> None:
    times = sorted({when for one in series for when in one.times})
    ground = [0.0] * len(times)
    for one in series:
        values = dict(zip(one.times, one.values, strict=True))
        raised = [value if not math.isnan(value := values.get(when, 0.0)) else 0.0 for when in times]
        top = [low + more for low, more in zip(ground, raised, strict=True)]
        axes.fill_between(times, ground, top, color=shades[one.name], alpha=0.45, linewidth=0)
        axes.plot(times, top, color=shades[one.name], linewidth=1.2)
        ground = top


def _scale(axes: Axes, series: Sequence[Series], defaults: Mapping[str, Any], stacked: bool) -> None:
    values = [value for one in series for value in one.values if math.isfinite(value)]
    if not values or max(values) <= 0:
        axes.set_ylim(0, 0.01 if defaults["unit"] in ("percentunit", "s") else 1)
    elif stacked:
        axes.set_ylim(0, axes.get_ylim()[1])
    else:
        axes.set_ylim(defaults.get("min", min(0, *values)), max(values) * 1.08)
    # Round numbers of bytes are powers of two.
    size = 1024.0 ** int(math.log(max(axes.get_ylim()[1], 1), 1024)) if defaults["unit"] == "bytes" else 1.0
    axes.yaxis.set_major_locator(
        FixedLocator(
            MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(*(end / size for end in axes.get_ylim()))[:-1] * size
        )
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: displayed(value, defaults["unit"])))


def _limits(axes: Axes, defaults: Mapping[str, Any]) -> None:
    if defaults["custom"].get("thresholdsStyle", {}).get("mode", "off") == "off":
        return
    top = axes.get_ylim()[1]
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is not None and step["value"] <= top:
            axes.axhline(step["value"], color=step["color"], linewidth=1, linestyle=(0, (5, 3)), zorder=1)


def _times(axes: Axes, span: tuple[float, float]) -> None:
    axes.set_xlim(*span)
    step = next(one for one in _STEPS if (span[1] - span[0]) / one <= 5)
    pattern = "%H:%M" if step >= 60 else "%H:%M:%S"
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda when, _: datetime.fromtimestamp(when).strftime(pattern)))
    axes.tick_params(labelsize=SMALL, colors=DIM, length=0)
    axes.grid(color=EDGE, linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _mark(axes: Axes, marks: Marks) -> None:
    """A dotted line where something began, and for as long as it lasted a strip along the upper edge."""
    for begin, end, shade in marks:
        if end > begin:
            axes.axvspan(begin, end, ymin=0.975, color=shade, linewidth=0, zorder=1)
        axes.axvline(begin, color=shade, linewidth=1, linestyle=(0, (2, 2)), zorder=1)


def _slowest(points: Sequence[tuple[float, float]], span: tuple[float, float], top: float) -> list[tuple[float, float]]:
    """Of the exemplars inside the graph, the highest of each fortieth of the time, so that the lines stay visible."""
    highest: dict[int, tuple[float, float]] = {}
    for when, value in points:
        slot = int((when - span[0]) / (span[1] - span[0]) * 40)
        if value <= top and value > highest.get(slot, (0.0, 0.0))[1]:
            highest[slot] = (when, value)
    return list(highest.values())


def _spark(canvas: Canvas, box: Box, one: Series, shade: str) -> None:
    if len(one.times) < 2:
        return
    axes = canvas.axes(box)
    axes.set_axis_off()
    axes.plot(*_with_gaps(one), color=shade, linewidth=1, alpha=0.8)
    axes.fill_between(one.times, one.values, color=shade, alpha=0.15, linewidth=0)
    values = [0.0, *(value for value in one.values if math.isfinite(value))]
    low, high = min(values) * 1.1, max(values) * 1.1
    axes.set(xlim=(one.times[0], one.times[-1]), ylim=(low, high if high > low else 1))


def _with_gaps(one: Series) -> tuple[list[float], list[float]]:
    """The points, with a hole where points are missing, so that absence is not drawn as a straight line."""
    if len(one.times) < 3:
        return list(one.times), list(one.values)
    usual = min(later - earlier for earlier, later in zip(one.times, one.times[1:], strict=False))
    times, values = [one.times[0]], [one.values[0]]
    for when, value in zip(one.times[1:], one.values[1:], strict=True):
        if when - times[-1] > 1.5 * usual:
            times.append(times[-1] + usual)
            values.append(math.nan)
        times.append(when)
        values.append(value)
    return times, values


def _runs(one: Series, step: float, span: tuple[float, float]) -> list[tuple[float, float, float]]:
    """Stretches of one value: (from, to, value)."""
    runs: list[list[float]] = []
    for when, value in zip(one.times, one.values, strict=True):
        if runs and runs[-1][2] == value and when - runs[-1][1] <= step * 0.5:
            runs[-1][1] = when + step
        else:
            runs.append([when, when + step, value])
    return [(max(begin, span[0]), min(end, span[1]), value) for begin, end, value in runs]
