"""Dashboard of log lines and traces; with a trace id, everything about one request."""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards.board import board, error_projects, outside, service_variable
from sandbox.dashboards.panels import EVERYTHING, lines, lokigraph
from sandbox.dashboards.promql import PER_SECOND
from sandbox.dashboards.tables import trace, traces

__all__ = ["logs_traces"]

LEVELS = "critical,error,warn,info,debug,unknown"
CHOSEN = 'service_name=~"$service"'
# Without an id, all lines; otherwise those of the trace. Tempo's search omits leading zeros of an id, Loki keeps them.
WANTED = f'{{{CHOSEN}}} | detected_level=~"$level" | trace_id=~".*${{trace}}"'


def logs_traces() -> dashboard.Dashboard:
    """Return the dashboard /d/logs-traces; /d/logs-traces?var-trace=<id> shows one request."""
    given = dashboard.TextBoxVariable("trace").label("Trace id").description("Every response has it in X-Trace-Id.")
    given.default_value("").current({"text": "", "value": ""})
    errors = [outside(f"Errors in {name}", f"{url}?q=trace:${{trace}}") for name, url in error_projects().items()]
    return board(
        "logs-traces",
        "Logs and traces",
        "Everything about one request. Paste its trace id (from X-Trace-Id, a log line or an error) or pick one below.",
        {"Logs": _lines, "Requests": _requests, SPANS: _spans},
        variables=[given, service_variable(several=True), _level()],
        links=errors,
        closed=[SPANS],
    )


# Collapsed, because Grafana's trace view shows an error without an id.
SPANS = "Trace view (needs a trace id above)"


def _level() -> dashboard.CustomVariable:
    """Return the variable for Loki's levels; mails link here with the level error."""
    variable = dashboard.CustomVariable("level").label("Level").values(LEVELS)
    return variable.multi(True).include_all(True).all_value(".+").current(EVERYTHING)


def _lines() -> list:
    return [
        lines(
            "Log lines",
            "Log lines of the selected services, levels and trace. Expand a line and follow trace_id to its trace.",
            WANTED,
            width=16,
            height=12,
            quiet="no matching log lines",
        ),
        lokigraph(
            "Log lines by level",
            "Log lines per second in Loki for the selected services, levels and trace.",
            PER_SECOND,
            [(f"sum by (detected_level) (rate({WANTED} [$__auto]))", "{{detected_level}}")],
            quiet="no matching log lines",
        ).height(12),
    ]


def _requests() -> list:
    return [
        traces(
            "Failed requests",
            "Latest requests with a failed service. Click an id to open its trace.",
            "{ kind = server && status = error }",
            quiet="no failed requests",
        ),
        traces(
            "Slow requests",
            "Latest requests that took the gateway more than 100 ms. Click an id to open its trace.",
            '{ resource.service.name = "gateway" && kind = server && duration > 100ms }',
            quiet="no request took longer than 100 ms",
        ),
    ]


def _spans() -> list:
    return [
        trace(
            "Trace",
            "Calls between services, their duration and errors.",
            "trace",
            quiet="no trace id is set, or Tempo has no such trace",
        ),
    ]
