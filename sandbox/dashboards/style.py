"""Colours and limits. Colours differ in lightness as well as in hue, so that colour-blind readers can distinguish them.

The palette is that of Okabe and Ito, made for people who cannot distinguish red from green.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    DynamicConfigValue,
    RangeMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)

from sandbox.model.catalog import catalog

__all__ = [
    "BAD",
    "CALM",
    "CIRCUITS",
    "FINE",
    "LEVELS",
    "NEUTRAL",
    "OUTCOMES",
    "PRESENCE",
    "SEVERITIES",
    "SPENT",
    "STATUSES",
    "WARN",
    "Limit",
    "State",
    "colour",
    "human",
    "service_colours",
    "states",
    "thresholds",
]

FINE, WARN, BAD, NEUTRAL = "#56B4E9", "#F0E442", "#D55E00", "#8E8E99"
# Background of a card or cell whose value is within limits; deliberately unobtrusive.
CALM = "#1D3A4C"
_SERIES = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#F0E442")

# A word and its colour, for a value that is a state.
State = tuple[str, str]
# Meaning of the values of `by_severity` (promql.py), of `up` and of `circuit_open`.
SEVERITIES = {1: ("ticket", WARN), 2: ("page", BAD)}
PRESENCE = {1: ("up", CALM), 0: ("DOWN", BAD)}
CIRCUITS = {0: ("calls", CALM), 1: ("OPEN", BAD)}

# Colours of responses by class, or by span status if the service sends only spans. Our own errors stand out most.
STATUSES = {"/^(2|UNSET$|OK$)/": FINE, "/^3/": "#0072B2", "/^4/": "#E69F00", "/^(5|ERROR$)/": BAD}
# The same for outcomes of payments and log-ins, and for log levels; also as a suffix, as in "written info".
OUTCOMES = {
    r"/\b(authorised|succeeded|success)$/": FINE,
    r"/\bdeclined$/": "#E69F00",
    r"/\b(unknown|locked)$/": "#CC79A7",
    r"/\b(failed|failure)$/": BAD,
}
LEVELS = {
    r"/\b(trace|debug|DEBUG)$/": NEUTRAL,
    r"/\b(info|INFO)$/": FINE,
    r"/\b(warn|warning|WARNING)$/": WARN,
    r"/\b(error|ERROR)$/": BAD,
    r"/\b(critical|fatal|CRITICAL)$/": "#CC79A7",
}


@dataclass(frozen=True)
class Limit:
    """The value from which on something is bad (below which, with `below`), and the source of that value.

    `warn` is an earlier limit.
    """

    bad: float
    why: str
    warn: float | None = None
    below: bool = False

    def told(self, unit: str) -> str:
        """Return a sentence for the description of a panel."""
        return f"Bad {'below' if self.below else 'from'} {human(self.bad, unit)}: {self.why}."


def human(value: float, unit: str) -> str:
    """Format a value for a text: 0.05 in percentunit is 5 %, 0.3 in s is 300 ms."""
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    if unit == "s" and abs(value) < 1:
        return f"{value * 1000:g} ms"
    if unit == "bytes":
        return f"{value / 1024**2:g} MiB"
    if abs(value) < 1e-6:
        return "anything above 0"
    return f"{value:g}" + {"s": " s", "reqps": "/s"}.get(unit, unit.partition("suffix:")[2])


def thresholds(limit: Limit | None, fine: str = FINE) -> dashboard.ThresholdsConfig:
    """Return Grafana's threshold steps.

    Without a limit, there is one neutral step, because no value is good or bad by itself.
    """
    if limit is None:
        steps = [Threshold(value=None, color=NEUTRAL)]
    elif limit.below:
        steps = [Threshold(value=None, color=BAD)]
        steps += [Threshold(value=limit.bad, color=WARN)] if limit.warn is not None else []
        steps += [Threshold(value=limit.bad if limit.warn is None else limit.warn, color=fine)]
    else:
        steps = [Threshold(value=None, color=fine)]
        steps += [Threshold(value=limit.warn, color=WARN)] if limit.warn is not None else []
        steps += [Threshold(value=limit.bad, color=BAD)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def states(words: Mapping[float | str, State]) -> ValueMap:
    """Return the mapping of values to words with colours."""
    options = {
        value if isinstance(value, str) else f"{value:g}": ValueMappingResult(text=text, color=shade, index=place)
        for place, (value, (text, shade)) in enumerate(words.items())
    }
    return ValueMap(options=options)


# An exhausted budget: the exact negative value is of no use.
_SPENT = ValueMappingResult(text="spent", color=BAD)
SPENT = RangeMap(options=DashboardRangeMapOptions(from_val=None, to=0, result=_SPENT))


def service_colours() -> Mapping[str, str]:
    """Return a colour for each service of the catalog, the same on all dashboards.

    The colour applies to series whose name begins with the service's.
    """
    return {f"/^{name}\\b/": shade for name, shade in zip(catalog(), _SERIES[:5], strict=False)}


def colour(shade: str) -> DynamicConfigValue:
    """Return a fixed colour of a field."""
    return DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": shade})
