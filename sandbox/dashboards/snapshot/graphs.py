"""Draws panels over time: lines, and bars of states."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, MultipleLocator

from sandbox.dashboards.snapshot.canvas import Box, Canvas, cut, width_of
from sandbox.dashboards.snapshot.data import Series
from sandbox.dashboards.snapshot.look import DIM, EDGE, TEXT, colours, dashed, displayed, in_words, shade_of, text_on

__all__ = ["Marks", "draw_lines", "draw_states", "with_gaps"]

LEGEND_LINE = 20
SMALL = 8.5

# Steps of the time axis in seconds; the first one that fits in at most five times is used.
_STEPS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800, 10**9)

# Annotations of every graph: (first second, last second, colour).
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
    """Draw lines or a stack with limits, annotations, exemplars and legend."""
    defaults, overrides = panel["fieldConfig"]["defaults"], panel["fieldConfig"]["overrides"]
    shades = colours([one.name for one in series], overrides)
    beside, below = _legend(canvas, box, panel, series, shades)
    axes = canvas.axes(box.inside(left=64, right=6 + beside, top=2, bottom=below + 20))
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    if stacked:
        _stack(axes, series, shades)
    else:
        for one in series:
            style = "--" if dashed(one.name, overrides) else "-"
            axes.plot(*with_gaps(one), color=shades[one.name], linewidth=1.6, linestyle=style)
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
    """Draw one bar per series, with colours and names of its states."""
    defaults, page = panel["fieldConfig"]["defaults"], int(panel["options"]["perPage"])
    pages = f"1 - {page} of {len(series)}" if len(series) > page else ""
    series = series[:page]
    canvas.text(box.x + box.w / 2, box.y + box.h, pages, SMALL, DIM, ha="center", va="bottom")
    left = min(max(width_of(one.name, SMALL) for one in series) + 10, box.w * 0.35)
    axes = canvas.axes(box.inside(left=left, right=6, top=2, bottom=40 if pages else 20))
    for place, one in enumerate(series):
        for begin, end, value in _runs(one, step, span):
            shade = shade_of(value, defaults)
            axes.broken_barh([(begin, end - begin)], (place + 0.1, 0.8), facecolors=shade)
            words = in_words(value, defaults)
            if (end - begin) / (span[1] - span[0]) * (box.w - left) > width_of(words, SMALL) + 6:
                style: dict[str, Any] = {"ha": "left", "va": "center", "fontsize": SMALL, "color": text_on(shade)}
                axes.text(begin, place + 0.5, f" {words}", **style)
    axes.set_ylim(len(series), 0)
    axes.set_yticks([place + 0.5 for place in range(len(series))], [cut(s.name, left - 8, SMALL) for s in series])
    _times(axes, span)
    axes.grid(visible=False, axis="y")
    _mark(axes, marks)


def _legend(
    canvas: Canvas, box: Box, panel: Mapping[str, Any], series: Sequence[Series], shades: Mapping[str, str]
) -> tuple[float, float]:
    """Draw the legend; return the width and height that it takes from the graph. Long names are cut."""
    options, defaults = panel["options"]["legend"], panel["fieldConfig"]["defaults"]
    if not options["showLegend"]:
        return 0, 0
    if options["placement"] == "right":
        return _table(canvas, box, defaults, series, shades), 0
    return 0, _names(canvas, box, series, shades)


def _table(
    canvas: Canvas, box: Box, defaults: Mapping[str, Any], series: Sequence[Series], shades: Mapping[str, str]
) -> float:
    """Draw names and last values beside the graph; return their width."""
    wide = min(max((width_of(one.name, SMALL) for one in series), default=0) + 110, box.w * 0.5)
    left, y = box.x + box.w - wide, box.y + 4
    canvas.text(left + 20, y, "Name", SMALL, DIM)
    canvas.text(box.x + box.w - 8, y, "Last *", SMALL, DIM, ha="right")
    for one in series[: int((box.h - 8) // LEGEND_LINE) - 1]:
        y += LEGEND_LINE
        canvas.fill(Box(left, y + 6, 14, 3), shades[one.name])
        canvas.text(left + 20, y, cut(one.name, wide - 100, SMALL), SMALL, TEXT)
        canvas.text(box.x + box.w - 8, y, in_words(one.last, defaults), SMALL, TEXT, ha="right")
    return wide


def _names(canvas: Canvas, box: Box, series: Sequence[Series], shades: Mapping[str, str]) -> float:
    """Draw names below the graph, in at most a third of it; return their height."""
    rows: list[list[Series]] = [[]]
    free = box.w - 16
    for one in series:
        needs = width_of(one.name, SMALL) + 30
        if needs > free and rows[-1]:
            rows.append([])
            free = box.w - 16
        rows[-1].append(one)
        free -= needs
    rows = rows[: max(int(box.h * 0.35 // LEGEND_LINE), 1)]
    y = box.y + box.h - LEGEND_LINE * len(rows)
    for row in rows:
        x = box.x + 10
        for one in row:
            canvas.fill(Box(x, y + 6, 14, 3), shades[one.name])
            canvas.text(x + 19, y, cut(one.name, box.w - 40, SMALL), SMALL, TEXT)
            x += width_of(one.name, SMALL) + 30
        y += LEGEND_LINE
    return LEGEND_LINE * len(rows) + 2


def _stack(axes: Axes, series: Sequence[Series], shades: Mapping[str, str]) -> None:
    times = sorted({when for one in series for when in one.times})
    ground = [0.0] * len(times)
    for one in series:
        values = dict(zip(one.times, one.values, strict=True))
        raised = [value if not math.isnan(value := values.get(when, 0.0)) else 0.0 for when in times]
        top = [low + more for low, more in zip(ground, raised, strict=True)]
        axes.fill_between(times, ground, top, color=shades[one.name], alpha=0.45, linewidth=0)
        axes.plot(times, top, "o-" if len(times) == 1 else "-", color=shades[one.name], linewidth=1.2, markersize=3)
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
    low, high = axes.get_ylim()
    ticks = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low / size, high / size)
    axes.yaxis.set_major_locator(FixedLocator([tick * size for tick in ticks[:-1]]))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: displayed(value, defaults["unit"], defaults.get("decimals")))
    )


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
    """Draw a thin dashed line where something began, and a region if it lasted."""
    for begin, end, shade in marks:
        if end > begin:
            axes.axvspan(begin, end, color=shade, alpha=0.3, linewidth=0, zorder=1)
        axes.axvline(begin, color=shade, linewidth=1, linestyle=(0, (3, 3)), zorder=3)


def _slowest(points: Sequence[tuple[float, float]], span: tuple[float, float], top: float) -> list[tuple[float, float]]:
    """Return the highest exemplar inside the graph of each fortieth of the time range.

    Fewer exemplars leave the lines visible.
    """
    highest: dict[int, tuple[float, float]] = {}
    for when, value in points:
        slot = int((when - span[0]) / (span[1] - span[0]) * 40)
        if value <= top and value > highest.get(slot, (0.0, 0.0))[1]:
            highest[slot] = (when, value)
    return list(highest.values())


def with_gaps(one: Series) -> tuple[list[float], list[float]]:
    """Return the points, with NaN where points are missing, so that gaps are not drawn as straight lines."""
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
    """Return periods of constant value: (from, to, value)."""
    runs: list[list[float]] = []
    for when, value in zip(one.times, one.values, strict=True):
        if runs and runs[-1][2] == value and when - runs[-1][1] <= step * 0.5:
            runs[-1][1] = when + step
        else:
            runs.append([when, when + step, value])
    return [(max(begin, span[0]), min(end, span[1]), value) for begin, end, value in runs]
