"""How values and series look: units in words, colours as the dashboard gives them."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

__all__ = [
    "DIM", "EDGE", "PAGE", "PANEL", "TEXT", "colours", "dashed", "displayed", "in_words", "shade_of", "text_on",
]  # fmt: skip

PAGE, PANEL, EDGE, TEXT, DIM = "#111217", "#1B1D23", "#2C2F36", "#E3E4EA", "#9A9CA8"
# After the colours that a dashboard fixes: the same family, in an order in which neighbours differ in lightness.
_OTHERS = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#B8B9C4")
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def displayed(value: float, unit: str) -> str:
    """A value in its unit, as short as it can be read."""
    if math.isnan(value):
        return "–"
    if unit == "percentunit":
        return f"{_short(value * 100)} %"
    if unit == "s":
        return _seconds(value)
    if unit == "bytes":
        power = min(int(math.log(abs(value), 1024)), 4) if abs(value) >= 1 else 0
        return f"{_short(value / 1024**power)} {_SIZES[power]}"
    if unit.startswith("suffix:"):
        return _short(value) + unit.removeprefix("suffix:")
    text = f"{_short(value / 1e6)} M" if abs(value) >= 1e6 else f"{_short(value / 1e3)} K" if abs(value) >= 1e4 else ""
    return (text or _short(value)) + ("/s" if unit == "reqps" else "")


def in_words(value: float, defaults: Mapping[str, Any]) -> str:
    """A value as its panel's mappings name it, or else in its unit."""
    for mapping in defaults.get("mappings", []):
        if mapping["type"] == "value" and f"{value:g}" in mapping["options"]:
            return mapping["options"][f"{value:g}"]["text"]
    return displayed(value, defaults.get("unit", "short"))


def shade_of(value: float, thresholds: Mapping[str, Any]) -> str:
    """The colour of the highest threshold step that a value has reached."""
    reached = [step for step in thresholds["steps"] if step["value"] is None or value >= step["value"]]
    return reached[-1]["color"]


def colours(names: Sequence[str], overrides: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A colour for each series: the one that an override fixes, or else the next that no other has."""
    fixed = {name: value["fixedColor"] for name in names for value in _properties(name, overrides, "color")}
    spare = cycle([shade for shade in _OTHERS if shade not in fixed.values()] or _OTHERS)
    return {name: fixed.get(name) or next(spare) for name in names}


def dashed(name: str, overrides: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an override draws the series with dashes."""
    return any(True for _ in _properties(name, overrides, "custom.lineStyle"))


def text_on(shade: str) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue = (int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return "#111217" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#FFFFFF"


def _properties(name: str, overrides: Sequence[Mapping[str, Any]], wanted: str):
    for one in overrides:
        matcher, options = one["matcher"]["id"], one["matcher"]["options"]
        if (matcher == "byName" and options == name) or (matcher == "byRegexp" and re.search(options.strip("/"), name)):
            yield from (each["value"] for each in one["properties"] if each["id"] == wanted)


def _seconds(value: float) -> str:
    for size, unit in ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s")):
        if abs(value) < size * 1000 and (abs(value) < 60 or unit != "s"):
            return f"{_short(value / size)} {unit}" if value else "0 s"
    return f"{_short(value / 60)} min" if abs(value) < 7200 else f"{_short(value / 3600)} h"


def _short(value: float) -> str:
    """Three digits that count."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(digits, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
