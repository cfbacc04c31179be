"""Plots a game day: requests, the objective, alerts and events on one time axis."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from sandbox.incidents.record import STAGES, Record

__all__ = ["draw", "draw_distribution"]

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
STATUS = {"2xx": "#3e9c6b", "3xx": "#7fb3d5", "4xx": "#e0a63b", "5xx": "#cf3f3f"}
STAGE = {
    "first_bad": "#cf3f3f",
    "injected": "#cf3f3f",
    "firing": "#e0711f",
    "mail": "#8a5fc0",
    "acknowledged": "#2f6fb5",
    "mitigated": "#2f8f83",
    "recovered": "#3e9c6b",
}
SHOWN_ALERTS = 7
SETTINGS: Any = {
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GRID,
}


def draw(record: Record, path: Path) -> None:
    """Write the plot of one run as PNG."""
    alerts = [alert for alert in record.alerts if "firing" in alert and alert["verdict"] != "from before"][
        :SHOWN_ALERTS
    ]
    heights = [2.2, 1.8, 0.5 + 0.28 * max(1, len(alerts))]
    with plt.rc_context(SETTINGS):
        figure, axes = plt.subplots(3, 1, figsize=(10, sum(heights) + 1.2), sharex=True, height_ratios=heights)
        _requests(axes[0], record)
        _objective(axes[1], record)
        _alerts(axes[2], record, alerts)
        _stages(axes, record)
        axes[2].set_xlabel("seconds since the fault began to hurt")
        figure.tight_layout(rect=(0, 0, 1, 0.995))
        figure.savefig(path, dpi=110)
        plt.close(figure)


def _series(record: Record, name: str) -> list[tuple[str, list[float], list[float]]]:
    return [
        (row["label"], [stamp - record.start for stamp, _ in row["points"]], [value for _, value in row["points"]])
        for row in sorted(record.plots.get(name, []), key=lambda row: row["label"])
    ]


def _requests(axis: Axes, record: Record) -> None:
    for label, times, values in _series(record, "requests"):
        axis.plot(times, values, color=STATUS.get(label, MUTED), label=label, linewidth=1.6)
    axis.set_ylabel("requests / s")
    axis.set_ylim(bottom=0)
    if record.plots.get("requests"):
        axis.legend(loc="upper left", frameon=False, ncols=4, fontsize=8)


def _objective(axis: Axes, record: Record) -> None:
    bad = _series(record, "bad")
    for _, times, values in bad or _series(record, "p95"):
        axis.plot(times, [value * 100 if bad else value for value in values], color="#cf3f3f", linewidth=1.6)
        axis.fill_between(times, [value * 100 if bad else value for value in values], color="#cf3f3f", alpha=0.12)
    axis.set_ylabel("bad events, %" if bad else "p95 at the gateway, s")
    axis.set_ylim(bottom=0)
    if bad:
        axis.set_title(record.budget.get("objective", ""), loc="right", fontsize=8, color=MUTED)


def _alerts(axis: Axes, record: Record, alerts: list[dict]) -> None:
    for row, alert in enumerate(reversed(alerts)):
        begin, firing, end = (
            alert.get("pending", alert["firing"]),
            alert["firing"],
            max(alert["last"], alert["firing"] + 1),
        )
        colour = {"expected": "#cf3f3f", "declared": "#e0711f"}.get(alert["verdict"], "#8a5fc0")
        axis.barh(row, firing - begin, left=begin - record.start, color=colour, alpha=0.3, height=0.55)
        axis.barh(row, end - firing, left=firing - record.start, color=colour, height=0.55)
    names = [f"{alert['name']} ({alert['severity']})" for alert in reversed(alerts)]
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_ylim(-0.6, max(0.6, len(names) - 0.4))
    axis.grid(axis="y", visible=False)


def _stages(axes: list[Axes], record: Record) -> None:
    shown = [(record.times[stage] - record.start, stage) for stage in STAGE if stage in record.times]
    height = axes[0].get_ylim()[1]
    axes[0].set_ylim(top=height * 1.75)
    for place, (moment, stage) in enumerate(sorted(shown)):
        for axis in axes:
            axis.axvline(moment, color=STAGE[stage], linewidth=1, linestyle=(0, (4, 2)), alpha=0.8)
        level = height * (1.70 - 0.16 * (place % 4))
        axes[0].annotate(
            f" {STAGES[stage]} {moment:+.0f} s", (moment, level), fontsize=7.5, color=STAGE[stage], va="top"
        )


def draw_distribution(runs: dict[str, list[Record]], path: Path) -> None:
    """Write a plot of the durations of many runs, by scenario, as PNG."""
    stages = ("detect", "acknowledge", "mitigate", "recover")
    colours = ("#e0711f", "#2f6fb5", "#2f8f83", "#3e9c6b")
    names = sorted(runs)
    with plt.rc_context(SETTINGS):
        figure, axis = plt.subplots(figsize=(10, 1.2 + 0.36 * len(names)))
        for row, name in enumerate(reversed(names)):
            for stage, colour in zip(stages, colours, strict=True):
                values = [seconds for one in runs[name] if (seconds := one.durations[stage]) is not None]
                label = f"time to {stage}" if row == 0 else None
                axis.scatter(values, [row] * len(values), color=colour, s=36, alpha=0.85, label=label, zorder=3)
        axis.set_yticks(range(len(names)), list(reversed(names)))
        axis.axvline(60, color=MUTED, linewidth=1, linestyle=":")
        axis.set_xlabel("seconds since it began to hurt")
        axis.set_xlim(left=0)
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
        figure.tight_layout()
        figure.savefig(path, dpi=110)
        plt.close(figure)
