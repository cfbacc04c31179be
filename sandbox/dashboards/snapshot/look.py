"""Appearance of values and series: Grafana's units and the dashboard's colours."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

__all__ = [
    "DIM", "EDGE", "PAGE", "PANEL", "TEXT", "colours", "dashed", "displayed", "in_words", "properties", "shade_of",
    "text_on",
]  # fmt: skip

PAGE, PANEL, EDGE, TEXT, DIM = "#111217", "#1B1D23", "#2C2F36", "#E3E4EA", "#9A9CA8"
# Used after the colours that a dashboard sets: the same palette, ordered so that neighbours differ in lightness.
_OTHERS = ("#56B4E9", "#E69F00", "#CC79A7", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#B8B9C4")
_SIZES = (" B", " KiB", " MiB", " GiB", " TiB")
# Upper limit of a unit in seconds, seconds per unit, its singular and plural.
_TIMES = (
    (1e-3, 1e-6, "µs", "µs"),
    (1, 1e-3, "ms", "ms"),
    (60, 1, "s", "s"),
    (3600, 60, "min", "mins"),
    (86400, 3600, "hour", "hours"),
    (math.inf, 86400, "day", "days"),
)


def displayed(value: float, unit: str, decimals: int | None = None) -> str:
    """Format a value in a unit as Grafana does; NaN is printed as NaN."""
    if math.isnan(value):
        return "NaN"
    if unit == "percentunit":
        return f"{_digits(value * 100, decimals)}%"
    if unit == "s":
        return _seconds(value, decimals)
    if unit == "bytes":
        power = min(int(math.log(abs(value), 1024)), 4) if abs(value) >= 1 else 0
        return _digits(value / 1024**power, decimals) + _SIZES[power]
    if unit.startswith("suffix:"):
        return f"{_digits(value, decimals)} {unit.removeprefix('suffix:')}"
    if unit == "reqps":
        return f"{_scaled(value, ('', 'K', 'M'), decimals)} req/s"
    if unit == "short":
        return _scaled(value, ("", " K", " Mil", " Bil"), decimals)
    return _digits(value, decimals)


def in_words(value: float, defaults: Mapping[str, Any]) -> str:
    """Format a value by its panel's mappings, otherwise in its unit."""
    found = _mapped(value, defaults)
    return found["text"] if found else displayed(value, defaults.get("unit", "short"), defaults.get("decimals"))


def shade_of(value: float, defaults: Mapping[str, Any]) -> str:
    """Return the colour of a value: that of its mapping, otherwise of the highest threshold step it has reached."""
    if found := _mapped(value, defaults):
        return found["color"]
    steps = defaults["thresholds"]["steps"]
    return [step for step in steps if step["value"] is None or value >= step["value"]][-1]["color"]


def colours(names: Sequence[str], overrides: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return a colour per series: the one that an override sets, otherwise the next unused one."""
    fixed = {name: value["fixedColor"] for name in names for value in properties(name, overrides, "color")}
    spare = cycle([shade for shade in _OTHERS if shade not in fixed.values()] or _OTHERS)
    return {name: fixed.get(name) or next(spare) for name in names}


def dashed(name: str, overrides: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an override draws the series with dashes."""
    return bool(properties(name, overrides, "custom.lineStyle"))


def properties(name: str, overrides: Sequence[Mapping[str, Any]], wanted: str) -> list[Any]:
    """Return the values of a property in the overrides that match a name."""
    found = []
    for one in overrides:
        matcher, options = one["matcher"]["id"], one["matcher"]["options"]
        if (matcher == "byName" and options == name) or (matcher == "byRegexp" and re.search(options.strip("/"), name)):
            found += [each["value"] for each in one["properties"] if each["id"] == wanted]
    return found


def text_on(shade: str) -> str:
    """Return black or white, whichever is readable on a colour."""
    red, green, blue = (int(shade[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return "#111217" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "#FFFFFF"


def _mapped(value: float | str, defaults: Mapping[str, Any]) -> Mapping[str, Any] | None:
    key = value if isinstance(value, str) else f"{value:g}"
    for mapping in defaults.get("mappings", []):
        options = mapping["options"]
        if mapping["type"] == "value" and key in options:
            return options[key]
        if mapping["type"] == "range" and not isinstance(value, str):
            low = -math.inf if options["from"] is None else options["from"]
            if low <= value <= options["to"]:
                return options["result"]
    return None


def _seconds(value: float, decimals: int | None) -> str:
    if value == 0:
        return "0 s"
    _, size, one, more = next(each for each in _TIMES if abs(value) < each[0])
    return f"{_digits(value / size, decimals)} {one if value == size else more}"


def _scaled(value: float, names: Sequence[str], decimals: int | None) -> str:
    power = min(int(math.log10(abs(value)) / 3), len(names) - 1) if abs(value) >= 1 else 0
    return _digits(value / 1000**power, decimals) + names[power]


def _digits(value: float, decimals: int | None) -> str:
    """Format with three significant digits, no decimals for a whole number; or with the requested decimals."""
    if decimals is None:
        whole = value == int(value) if math.isfinite(value) else True
        decimals = 0 if whole or value == 0 else max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"
