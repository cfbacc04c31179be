"""The kinds of panels in the dashboards, with a uniform look and behaviour.

Units are Grafana's names: reqps, percentunit, s, bytes, short. Sizes are in columns (24 per row) and rows of the grid.
A panel that may be empty states in `quiet` what that means. Every other panel has data while customers pay. No query
returns NaN, which Grafana would print: a share or a quantile without data has no series (promql.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, gauge, logs, loki, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DynamicConfigValue

from sandbox.dashboards.style import (
    CALM,
    LEVELS,
    NEUTRAL,
    OUTCOMES,
    STATUSES,
    Limit,
    State,
    colour,
    service_colours,
    states,
    thresholds,
)

__all__ = [
    "EVERYTHING",
    "LOKI",
    "PROMETHEUS",
    "TEMPO",
    "Query",
    "dial",
    "figure",
    "lines",
    "link",
    "lokigraph",
    "plot",
    "timeline",
]

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus")
LOKI = DataSourceRef(type_val="loki", uid="loki")
TEMPO = DataSourceRef(type_val="tempo", uid="tempo")

# The value of a variable whose default is all choices; otherwise Grafana selects the first.
EVERYTHING = {"text": ["All"], "value": ["$__all"]}

# A query and the legend of its series; a template such as {{service}} is filled from the series' labels.
Query = tuple[str, str]
# From this width (columns) on, the legend is a table beside the graph, with the last value of each series.
_WIDE = 12
# Pixels of a grid row, of the margins of a timeline, and of a bar whose name does not overlap others.
_GRID_ROW, _AROUND, _BAR = 38, 110, 14
_DASHED = DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [8, 6]})


def described(panel: Any, title: str, description: str, unit: str, limit: Limit | None, quiet: str) -> Any:
    """Set the texts that every panel has, its unit and its thresholds."""
    texts = [description, limit.told(unit) if limit else "", f"Empty: {quiet}." if quiet else ""]
    panel.title(title).description(" ".join(text for text in texts if text)).unit(unit).thresholds(thresholds(limit))
    return panel.no_value(quiet[0].upper() + quiet[1:]) if quiet else panel


def plot(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    width: int = 8,
    height: int = 8,
    limit: Limit | None = None,
    quiet: str = "",
    exemplars: bool = False,
    stacked: bool = False,
    colours: Mapping[str, str] | None = None,
    links: Sequence[dashboard.DashboardLink] = (),
) -> timeseries.Panel:
    """Lines over time from Prometheus, from 0 up.

    With exemplars, points link to their traces.
    """
    panel = _lines_over_time(title, description, unit, width, stacked, limit, quiet).datasource(PROMETHEUS)
    panel.legend(_legend(width, queries))
    for reference, (expression, legend) in zip("ABCDEFGHIJ", queries, strict=False):
        target = prometheus.Dataquery().ref_id(reference).datasource(PROMETHEUS).range()
        panel.with_target(target.expr(expression).legend_format(legend).exemplar(exemplars))
    if len(links):
        panel.data_links(list(links))
    return _coloured(panel.min(0).height(height), queries, colours)


def lokigraph(
    title: str, description: str, unit: str, queries: Sequence[Query], *, width: int = 8, quiet: str = ""
) -> timeseries.Panel:
    """Lines over time counted from logs."""
    panel = _lines_over_time(title, description, unit, width, True, None, quiet).datasource(LOKI)
    panel.legend(_legend(width, queries))
    for reference, (expression, legend) in zip("ABCDEFGH", queries, strict=False):
        target = loki.Dataquery().ref_id(reference).datasource(LOKI).query_type("range")
        panel.with_target(target.expr(expression).legend_format(legend))
    return _coloured(panel.min(0), queries, None)


def figure(
    title: str,
    description: str,
    unit: str,
    expression: str,
    *,
    width: int = 4,
    limit: Limit | None = None,
    quiet: str = "",
    legend: str = "",
    mappings: Sequence[Any] = (),
    links: Sequence[dashboard.DashboardLink] = (),
) -> stat.Panel:
    """A single current value; its card is coloured if it has a limit.

    A sparkline is shown behind it, unless it may be empty. In that case an instant query is used; otherwise the last
    value of a quarter of an hour ago would be shown as current.
    """
    panel = described(stat.Panel(), title, description, unit, limit, quiet).datasource(PROMETHEUS)
    mode = common.BigValueColorMode.BACKGROUND_SOLID if limit else common.BigValueColorMode.NONE
    course = common.BigValueGraphMode.NONE if quiet else common.BigValueGraphMode.AREA
    panel.height(4).span(width).color_mode(mode).graph_mode(course)
    panel.reduce_options(_last()).text_mode(
        common.BigValueTextMode.VALUE_AND_NAME if legend else common.BigValueTextMode.VALUE
    )
    if mappings:
        panel.mappings(list(mappings))
    if len(links):
        panel.data_links(list(links))
    target = prometheus.Dataquery().ref_id("A").datasource(PROMETHEUS).expr(expression)
    target = target.instant() if quiet else target.range()
    return panel.thresholds(thresholds(limit, CALM)).with_target(target.legend_format(legend or title))


def dial(
    title: str,
    description: str,
    unit: str,
    query: Query,
    *,
    limit: Limit,
    width: int = 6,
    quiet: str = "",
    mappings: Sequence[Any] = (),
) -> gauge.Panel:
    """Shares of a whole, 0 to 1, one gauge per series."""
    expression, legend = query
    panel = described(gauge.Panel(), title, description, unit, limit, quiet).datasource(PROMETHEUS)
    panel.height(6).span(width).min(0).max(1).reduce_options(_last()).show_threshold_markers(True)
    if mappings:
        panel.mappings(list(mappings))
    target = prometheus.Dataquery().ref_id("A").datasource(PROMETHEUS).expr(expression).instant()
    return panel.with_target(target.legend_format(legend))


def timeline(
    title: str,
    description: str,
    queries: Sequence[Query],
    words: Mapping[float, State],
    *,
    width: int = 24,
    height: int = 6,
    quiet: str = "",
) -> statetimeline.Panel:
    """One bar per series that shows its states over time.

    Words and colours are mappings: with colours by thresholds, Grafana prints a threshold's range ("1+") in the bars.
    """
    panel = described(statetimeline.Panel(), title, description, "short", None, quiet).datasource(PROMETHEUS)
    panel.color_scheme(dashboard.FieldColor().mode("fixed").fixed_color(NEUTRAL)).mappings([states(words)])
    panel.height(height).span(width).merge_values(True).show_value(common.VisibilityMode.AUTO).row_height(0.8)
    panel.per_page((height * _GRID_ROW - _AROUND) // _BAR).legend(
        common_builders.VizLegendOptions().show_legend(False).display_mode(common.LegendDisplayMode.LIST).calcs([])
    )
    for reference, (expression, legend) in zip("ABCDEFGH", queries, strict=False):
        target = prometheus.Dataquery().ref_id(reference).datasource(PROMETHEUS).range()
        panel.with_target(target.expr(expression).legend_format(legend))
    return panel


# The format of a log line: its level, service, message and the fields that matter to a reader. The other fields are in
# its details. Lines that are not JSON are shown unchanged.
_SHOWN = (
    '{{ printf "%-8.8s" (upper .detected_level) }} {{ printf "%-9s" .service_name }} '
    "{{ if .message }}{{ .message }}{{ else }}{{ __line__ }}{{ end }}"
    "{{ if .http_route }}  {{ .http_request_method }} {{ .http_route }} {{ .http_response_status_code }}{{ end }}"
    '{{ if .duration_seconds }} {{ mulf .duration_seconds 1000 | printf "%.1f" }} ms{{ end }}'
)
_FIELDS = ("error_type", "reason", "decline_reason", "outcome", "peer", "state", "payment_id", "wait_seconds")
_READABLE = (
    " | json | drop __error__, __error_details__ | line_format `"
    + _SHOWN
    + "".join(f"{{{{ if .{name} }}}}  {name}={{{{ .{name} }}}}{{{{ end }}}}" for name in _FIELDS)
    + "`"
)


def lines(
    title: str, description: str, expression: str, *, width: int = 24, height: int = 10, quiet: str = ""
) -> logs.Panel:
    """Log lines, newest first. An expanded line shows all its fields; trace_id links to its trace."""
    panel = described(logs.Panel(), title, description, "short", None, quiet).datasource(LOKI).height(height)
    panel.span(width).show_time(True).wrap_log_message(True).prettify_log_message(False).enable_log_details(True)
    panel.sort_order(common.LogsSortOrder.DESCENDING).dedup_strategy(common.LogsDedupStrategy.NONE)
    target = loki.Dataquery().ref_id("A").datasource(LOKI).expr(expression + _READABLE).query_type("range")
    return panel.with_target(target.max_lines(200))


def link(title: str, url: str) -> dashboard.DashboardLink:
    """A data link, opened by a click on a value."""
    return dashboard.DashboardLink(title).url(url)


def _last() -> common_builders.ReduceDataOptions:
    return common_builders.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False)


def _coloured(panel: timeseries.Panel, queries: Sequence[Query], colours: Mapping[str, str] | None) -> timeseries.Panel:
    legends = [legend for _, legend in queries]
    if colours is None:
        colours = _usual_colours(legends)
    for pattern, shade in colours.items():
        panel.override_by_regexp(pattern, [colour(shade)])
    # Secondary lines of a service are dashed, to distinguish two lines of the same colour.
    if any(legend.endswith(("limit", "p99")) for legend in legends):
        panel.override_by_regexp("/(limit|p99)$/", [_DASHED])
    return panel


def _usual_colours(legends: Sequence[str]) -> Mapping[str, str]:
    """Give services, response classes, outcomes and log levels the same colour on all dashboards."""
    if any(legend.startswith(("{{service", "{{client")) for legend in legends):
        return service_colours()
    by = {"{{class}}": STATUSES, "{{outcome}}": OUTCOMES, "level}}": LEVELS}
    return next((shades for end, shades in by.items() if any(legend.endswith(end) for legend in legends)), {})


def _legend(width: int, queries: Sequence[Query]) -> common_builders.VizLegendOptions:
    """Legend: names below a narrow graph, names and last values beside a wide one, none if the title is the name."""
    legend = common_builders.VizLegendOptions().show_legend(len(queries) > 1 or "{{" in queries[0][1])
    if width < _WIDE:
        return legend.display_mode(common.LegendDisplayMode.LIST).placement(common.LegendPlacement.BOTTOM).calcs([])
    legend.display_mode(common.LegendDisplayMode.TABLE).placement(common.LegendPlacement.RIGHT)
    return legend.calcs(["lastNotNull"])


def _lines_over_time(
    title: str, description: str, unit: str, width: int, stacked: bool, limit: Limit | None, quiet: str
) -> timeseries.Panel:
    mode = common.StackingMode.NORMAL if stacked else common.StackingMode.NONE
    drawn = common.GraphThresholdsStyleMode.DASHED if limit else common.GraphThresholdsStyleMode.OFF
    tooltip = common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    return (
        described(timeseries.Panel(), title, description, unit, limit, quiet)
        .height(8)
        .span(width)
        .line_width(2)
        .fill_opacity(25 if stacked else 0)
        .stacking(common_builders.StackingConfig().mode(mode))
        .color_scheme(dashboard.FieldColor().mode("palette-classic-by-name"))
        .thresholds_style(common_builders.GraphThresholdsStyleConfig().mode(drawn))
        .tooltip(tooltip.sort(common.SortOrder.DESCENDING))
    )
