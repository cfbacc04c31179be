"""The queries of a generated dashboard, ready to be asked: what Grafana would fill in is filled in."""

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
    """One query of one panel or annotation. ``store`` is the type of its data source; ``kind`` is range, instant,
    traceql or trace; ``quiet`` is what it means when there is no data, or empty when there must be some."""

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
    """Every generated dashboard by its uid."""
    return {path.stem: load(path.stem) for path in sorted(FOLDER.glob("*.json"))}


def load(uid: str) -> dict[str, Any]:
    """One generated dashboard. Raises ``FileNotFoundError`` that names those that there are."""
    path = FOLDER / f"{uid}.json"
    if not path.exists():
        known = ", ".join(sorted(one.stem for one in FOLDER.glob("*.json")))
        raise FileNotFoundError(f"There is no dashboard {uid}. Choose from: {known}.")
    return json.loads(path.read_text(encoding="utf-8"))


def panels_of(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel that shows something; rows are left out, and what they hold while they are closed is not."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def values_of(
    dashboard: Mapping[str, Any], chosen: Mapping[str, str] | None = None, *, seconds: float = 900, step: float = 5
) -> dict[str, str]:
    """What every variable stands for: Grafana's own for a view of so many seconds, the dashboard's, those chosen."""
    interval = f"{step:g}s"
    own = {
        # As the data source computes it: four scrapes at least, and a scrape more than a step.
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
    """Every query of every panel and annotation. Raises ``KeyError`` for a variable that nothing defines."""
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
    """The text with every $name, ${name} and ${name:format} replaced."""

    def value(match: re.Match[str]) -> str:
        name = match["braced"] or match["bare"]
        if name not in values:
            raise KeyError(f"{text!r} uses ${name}, which is neither Grafana's nor a variable of the dashboard")
        return values[name]

    return re.sub(r"\$(?:\{(?P<braced>[a-zA-Z_]\w*)(?::\w+)?\}|(?P<bare>[a-zA-Z_]\w*))", value, text)


def _kind(target: Mapping[str, Any]) -> str:
    return "instant" if target.get("instant") else "range"


def _default(variable: Mapping[str, Any]) -> str:
    """All of them, unless the variable has another default."""
    chosen = variable.get("current", {}).get("value", "$__all")
    if isinstance(chosen, list):
        chosen = "|".join(chosen)
    return variable.get("allValue") or ".+" if chosen == "$__all" else str(chosen)
