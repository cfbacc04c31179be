"""Tables of metrics (a row per entity, a column per measure), tables of traces, and the view of one trace."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard, prometheus, table, tempo
from grafana_foundation_sdk.builders.common import TableSortByFieldState
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from sandbox.dashboards.panels import PROMETHEUS, TEMPO, described
from sandbox.dashboards.style import CALM, Limit, State, states, thresholds

__all__ = ["Column", "grid", "trace", "traces"]


@dataclass(frozen=True)
class Column:
    """A column: heading, unit and query.

    The cell is coloured by its limit; `mappings` replace values by words.
    """

    heading: str
    unit: str
    expression: str
    limit: Limit | None = None
    mappings: Sequence[Any] = ()
    decimals: int | None = None


# Pixels of a column with a number, a severity or a name; the first column takes the rest.
_NUMBER, _NAME = 110, 130


def grid(
    title: str,
    description: str,
    keys: Mapping[str, str],
    columns: Sequence[Column],
    *,
    width: int = 24,
    height: int = 8,
    quiet: str = "",
    links: Sequence[dashboard.DashboardLink] = (),
    words: Mapping[str, Mapping[str, State]] | None = None,
    sort: Sequence[tuple[str, bool]] = (),
) -> table.Panel:
    """A table with one row per combination of the labels in `keys` (label to heading), and one column per measure.

    Each query must return exactly these labels: any other label would become a column. `words` colours values of a
    key's column, by its heading. `sort` is (heading, descending); default: the first measure, descending.
    """
    told = " ".join([description, *(f"{c.heading}: {c.limit.told(c.unit)}" for c in columns if c.limit)])
    panel = described(table.Panel(), title, told, "short", None, quiet).datasource(PROMETHEUS)
    panel.height(height).span(width).show_header(True)
    references = dict(zip("ABCDEFGH", columns, strict=False))
    for reference, column in references.items():
        target = prometheus.Dataquery().ref_id(reference).datasource(PROMETHEUS).instant()
        panel.with_target(target.expr(column.expression).format(PromQueryFormat.TABLE))
    values = {"A": "Value"} if len(references) == 1 else {reference: f"Value #{reference}" for reference in references}
    order = [*keys, *values.values()]
    renamed = {**keys, **{values[reference]: column.heading for reference, column in references.items()}}
    if len(references) > 1:
        panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    arrange = {
        "excludeByName": {"Time": True, "span_name": True},
        "indexByName": {name: place for place, name in enumerate(order)},
        "renameByName": renamed,
    }
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=arrange))
    panel.sort_by([_by(heading, down) for heading, down in sort or [(columns[0].heading, True)]])
    for column in columns:
        panel.override_by_name(column.heading, [_value("noValue", "–"), *_looks(column, width)])
    first, *others = keys.values()
    for heading in others:
        panel.override_by_name(heading, _key(heading, width, (words or {}).get(heading)))
    if links:
        panel.override_by_name(first, [_value("links", _plain(links))])
    return panel


def _value(name: str, value: Any) -> DynamicConfigValue:
    return DynamicConfigValue(id_val=name, value=value)


def _key(heading: str, width: int, words: Mapping[str, State] | None) -> list[DynamicConfigValue]:
    narrow = [_value("custom.width", _NAME)] if width < 24 else []
    if not words:
        return narrow
    coloured = {"type": "color-background", "mode": "basic"}
    mapping = json.loads(json.dumps(states(words), cls=JSONEncoder))
    return [*narrow, _value("mappings", [mapping]), _value("custom.cellOptions", coloured)]


def traces(
    title: str, description: str, traceql: str, *, width: int = 12, height: int = 8, quiet: str = "", limit: int = 20
) -> table.Panel:
    """The newest traces that match a TraceQL query; their ids are links."""
    panel = described(table.Panel(), title, description, "short", None, quiet).datasource(TEMPO).height(height)
    target = tempo.TempoQuery().ref_id("A").datasource(TEMPO).query_type("traceql").query(traceql).limit(limit)
    # A trace whose root span has not arrived has no name yet.
    panel.override_by_name("Name", [_value("noValue", "–")])
    for heading, pixels in {"Trace ID": 130, "Start time": 175, "Service": _NAME, "Duration": 90}.items():
        panel.override_by_name(heading, [_value("noValue", "–"), _value("custom.width", pixels)])
    return panel.span(width).show_header(True).with_target(target.table_type("traces"))


def trace(title: str, description: str, variable: str, *, quiet: str) -> Any:
    """One trace in Grafana's trace view, by the id in a variable."""
    panel = dashboard.Panel().type("traces").title(title).description(f"{description} Empty: {quiet}.")
    panel.unit("short").thresholds(thresholds(None)).no_value(quiet[0].upper() + quiet[1:]).datasource(TEMPO)
    target = tempo.TempoQuery().ref_id("A").datasource(TEMPO).query_type("traceql").query(f"${{{variable}}}")
    return panel.height(14).span(24).with_target(target)


def _looks(column: Column, width: int) -> list[DynamicConfigValue]:
    properties = [_value("unit", column.unit)]
    if width < 24:
        properties.append(_value("custom.width", _NUMBER))
    if column.decimals is not None:
        properties.append(_value("decimals", column.decimals))
    if column.mappings:
        properties.append(_value("mappings", json.loads(json.dumps(list(column.mappings), cls=JSONEncoder))))
    if column.limit:
        properties += [
            _value("thresholds", thresholds(column.limit, CALM).build().to_json()),
            _value("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
        ]
    return properties


def _plain(links: Sequence[dashboard.DashboardLink]) -> list[dict[str, Any]]:
    return [{"title": one.title, "url": one.url} for one in (link.build() for link in links)]


def _by(heading: str, descending: bool) -> TableSortByFieldState:
    return TableSortByFieldState().display_name(heading).desc(descending)
