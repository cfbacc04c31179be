"""One request, by its trace id: its trace, its log lines, its errors; and, without an id, where to get one."""

from grafana_foundation_sdk.builders import dashboard

from grafana.board import board, error_projects, outside, service_variable
from grafana.panels import EVERYTHING, lines, lokigraph
from grafana.promql import PER_SECOND
from grafana.tables import trace, traces

__all__ = ["logs_traces"]

LEVELS = "critical,error,warn,info,debug,unknown"
CHOSEN = 'service_name=~"$service"'


def logs_traces() -> dashboard.Dashboard:
    """The dashboard of /d/logs-traces; /d/logs-traces?var-trace=<id> shows one request."""
    given = dashboard.TextBoxVariable("trace").label("Trace id").description("Every answer carries it in X-Trace-Id.")
    given.default_value("").current({"text": "", "value": ""})
    errors = [outside(f"Errors in {name}", f"{url}?q=trace:${{trace}}") for name, url in error_projects().items()]
    return board(
        "logs-traces",
        "Logs and traces",
        "Everything about one request. Paste its trace id, from X-Trace-Id, a log line or an error, or take one below.",
        {"This request": _one, "Find a request": _find},
        variables=[given, service_variable(several=True), _level()],
        links=errors,
    )


def _level() -> dashboard.CustomVariable:
    """The levels that Loki knows; mails link here with the level error."""
    variable = dashboard.CustomVariable("level").label("Level").values(LEVELS)
    return variable.multi(True).include_all(True).all_value(".+").current(EVERYTHING)


def _one() -> list:
    return [
        trace(
            "Trace",
            "Who called whom, for how long, and what failed.",
            "trace",
            quiet="no trace id is given, or Tempo does not know it",
        ),
        lines(
            "Its log lines",
            "The lines that all services wrote for this request.",
            '{service_name=~".+"} | trace_id="${trace}" | trace_id!=""',
            quiet="no trace id is given, or nothing was logged",
        ),
    ]


def _find() -> list:
    return [
        traces(
            "Failing requests",
            "The newest requests in which a service failed. An id opens the trace.",
            "{ kind = server && status = error }",
        ),
        traces(
            "Slow requests",
            "The newest requests that took the gateway more than 100 ms. An id opens the trace.",
            '{ resource.service.name = "gateway" && kind = server && duration > 100ms }',
            quiet="every request was answered within 100 ms",
        ),
        lokigraph(
            "Lines by service",
            "Log lines a second of the chosen services and levels that reached Loki.",
            PER_SECOND,
            [(f'sum by (service_name) (rate({{{CHOSEN}}} | detected_level=~"$level" [$__auto]))', "{{service_name}}")],
            quiet="no service wrote such a line",
        ),
        lines(
            "Lines",
            "Of the chosen services and levels, newest first. Open a line: trace_id leads to its trace.",
            f'{{{CHOSEN}}} | detected_level=~"$level"',
            width=16,
            height=8,
            quiet="no service wrote such a line",
        ),
    ]
