"""The queries of generated dashboards, with Grafana's variables filled in."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.model import ROOT

__all__ = ["FOLDER", "Query", "dashboards", "filled", "load", "panels_of", "queries_of", "values_of"]

FOLDER = ROOT / "grafana" / "dashboards"
SCRAPE_SECONDS = 5


@dataclass(frozen=True)
class Query:
    """One query of one panel or annotation.

    ``store`` is the type of its data source; ``kind`` is range, instant, traceql or trace; ``quiet`` is the meaning of
    an empty result, or empty if data is required.
    """

    dashboard: str
    panel: str
    reference: str
    store: str
    kind: str
    expression: str
    legend: str = ""
    quiet: str = ""

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel} {self.reference}"


def dashboards() -> dict[str, dict[str, Any]]:
    """Return every generated dashboard by its uid."""
    return {path.stem: load(path.stem) for path in sorted(FOLDER.glob("*.json"))}


def load(uid: str) -> dict[str, Any]:
    """Return one generated dashboard.

    Raises ``FileNotFoundError`` that lists the existing ones.
    """
    path = FOLDER / f"{uid}.json"
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.json")))
        raise FileNotFoundError(f"There is no dashboard {uid}. Choose from: {known}.")
    return json.loads(path.read_text(encoding="utf-8"))


def panels_of(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Return every panel except rows; panels in collapsed rows are included."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def values_of(
    dashboard: Mapping[str, Any], chosen: Mapping[str, str] | None = None, *, seconds: float = 900, step: float = 5
) -> dict[str, str]:
    """Return the values of all variables.

    Sources: Grafana's variables for a view of `seconds`, the dashboard's defaults, the chosen values.
    """
    interval = f"{step:g}s"
    own = {
        # As the data source computes it: at least four scrapes, and one scrape more than a step.
        "__rate_interval": f"{max(4 * SCRAPE_SECONDS, step + SCRAPE_SECONDS):g}s",
        "__interval": interval,
        "__auto": f"{max(step, 15):g}s",
        "__range": f"{seconds:.0f}s",
        "__range_s": f"{seconds:.0f}",
        "__url_time_range": "from=now-15m&to=now",
    }
    variables = {one["name"]: _default(one) for one in dashboard.get("templating", {}).get("list", [])}
    return {**own, **variables, **(chosen or {})}


def queries_of(dashboard: Mapping[str, Any], values: Mapping[str, str]) -> Iterator[Query]:
    """Return every query of every panel and annotation.

    Raises ``KeyError`` for an undefined variable.
    """
    uid = dashboard["uid"]
    for panel in panels_of(dashboard):
        quiet = panel["fieldConfig"]["defaults"].get("noValue", "")
        for target in panel["targets"]:
            text, store = target.get("expr") or target["query"], target["datasource"]["type"]
            kind = "trace" if panel["type"] == "traces" else target.get("queryType") or _kind(target)
            legend = target.get("legendFormat", "")
            yield Query(uid, panel["title"], target["refId"], store, kind, filled(text, values), legend, quiet)
    for one in dashboard["annotations"]["list"]:
        text = filled(one["expr"], values)
        yield Query(uid, f"annotation {one['name']}", "A", "prometheus", "range", text, quiet="Nothing began")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Replace every $name, ${name} and ${name:format} in a text."""

    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if name not in values:
            raise KeyError(f"{text!r} uses ${name}, which is neither Grafana's nor a variable of the dashboard")
        return values[name]

    return re.sub(r"\$(?:\{(?P<braced>[a-zA-Z_]\w*)(?::\w+)?\}|(?P<bare>[a-zA-Z_]\w*))", value, text)


def _kind(target: Mapping[str, Any]) -> str:
    return "instant" if target.get("instant") else "range"


def _default(variable: Mapping[str, Any]) -> str:
    """Return the default of a variable: all choices, unless it has another one."""
    chosen = variable.get("current", {}).get("value", "$__all")
    if isinstance(chosen, list):
        chosen = "|".join(chosen)
    return variable.get("allValue") or ".+" if chosen == "$__all" else str(chosen)
