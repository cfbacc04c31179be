"""Tables: of metrics, one row a thing and one column a measure; of traces; and one trace whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard, prometheus, table, tempo
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.panels import PROMETHEUS, TEMPO, described
from grafana.style import CALM, Limit, thresholds

__all__ = ["Column", "grid", "trace", "traces"]


@dataclass(frozen=True)
class Column:
    """A measure: heading, unit and query. The cell is coloured by its limit."""

    heading: str
    unit: str
    expression: str
    limit: Limit | None = None


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
) -> table.Panel:
    """One row for each combination of the labels in `keys` (label to heading), one column a measure, highest first."""
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
        "includeByName": {},
        "indexByName": {name: place for place, name in enumerate(order)},
        "renameByName": renamed,
    }
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=arrange))
    panel.sort_by([_highest_first(columns[0].heading)])
    for column in columns:
        panel.override_by_name(column.heading, _looks(column))
    if links:
        panel.override_by_name(next(iter(keys.values())), [DynamicConfigValue(id_val="links", value=_plain(links))])
    return panel


def traces(
    title: str, description: str, traceql: str, *, width: int = 12, height: int = 8, quiet: str = "", limit: int = 20
) -> table.Panel:
    """The newest traces that a TraceQL query selects; their ids open them."""
    panel = described(table.Panel(), title, description, "short", None, quiet).datasource(TEMPO).height(height)
    target = tempo.TempoQuery().ref_id("A").datasource(TEMPO).query_type("traceql").query(traceql).limit(limit)
    return panel.span(width).show_header(True).with_target(target.table_type("traces"))


def trace(title: str, description: str, variable: str, *, quiet: str, height: int = 14) -> Any:
    """One trace as Grafana's trace view shows it, by the id in a variable."""
    panel = dashboard.Panel().type("traces").title(title).description(f"{description} Empty: {quiet}.")
    panel.unit("short").thresholds(thresholds(None)).no_value(quiet[0].upper() + quiet[1:]).datasource(TEMPO)
    target = tempo.TempoQuery().ref_id("A").datasource(TEMPO).query_type("traceql").query(f"${{{variable}}}")
    return panel.height(height).span(24).with_target(target)


def _looks(column: Column) -> list[DynamicConfigValue]:
    properties = [DynamicConfigValue(id_val="unit", value=column.unit)]
    if column.limit:
        steps = thresholds(column.limit, CALM).build().to_json()
        properties += [
            DynamicConfigValue(id_val="thresholds", value=steps),
            DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-background", "mode": "basic"}),
        ]
    return properties


def _plain(links: Sequence[dashboard.DashboardLink]) -> list[dict[str, Any]]:
    return [{"title": one.title, "url": one.url} for one in (link.build() for link in links)]


def _highest_first(heading: str) -> Any:
    from grafana_foundation_sdk.builders.common import TableSortByFieldState

    return TableSortByFieldState().display_name(heading).desc(True)
