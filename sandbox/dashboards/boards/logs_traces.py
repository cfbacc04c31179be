"""Log lines and requests to look at, and by its trace id everything about one of them."""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards.board import board, error_projects, outside, service_variable
from sandbox.dashboards.panels import EVERYTHING, lines, lokigraph
from sandbox.dashboards.promql import PER_SECOND
from sandbox.dashboards.tables import trace, traces

__all__ = ["logs_traces"]

LEVELS = "critical,error,warn,info,debug,unknown"
CHOSEN = 'service_name=~"$service"'
# Without an id every line, with one its lines. Tempo's search leaves out an id's leading zeros, which Loki keeps.
WANTED = f'{{{CHOSEN}}} | detected_level=~"$level" | trace_id=~".*${{trace}}"'


def logs_traces() -> dashboard.Dashboard:
    """The dashboard of /d/logs-traces; /d/logs-traces?var-trace=<id> shows one request."""
    given = dashboard.TextBoxVariable("trace").label("Trace id").description("Every answer carries it in X-Trace-Id.")
    given.default_value("").current({"text": "", "value": ""})
    errors = [outside(f"Errors in {name}", f"{url}?q=trace:${{trace}}") for name, url in error_projects().items()]
    return board(
        "logs-traces",
        "Logs and traces",
        "Everything about one request. Paste its trace id, from X-Trace-Id, a log line or an error, or take one below.",
        {"What the services say": _lines, "Requests": _requests, SPANS: _spans},
        variables=[given, service_variable(several=True), _level()],
        links=errors,
        closed=[SPANS],
    )


# Closed, because Grafana's view of a trace shows an error while no id is given.
SPANS = "The trace of the id above, span by span"


def _level() -> dashboard.CustomVariable:
    """The levels that Loki knows; mails link here with the level error."""
    variable = dashboard.CustomVariable("level").label("Level").values(LEVELS)
    return variable.multi(True).include_all(True).all_value(".+").current(EVERYTHING)


def _lines() -> list:
    return [
        lines(
            "Lines",
            "Of the chosen services, levels and trace, newest first. Open a line: trace_id leads to its trace.",
            WANTED,
            width=16,
            height=12,
            quiet="no service wrote such a line",
        ),
        lokigraph(
            "Lines by level",
            "Log lines a second of the chosen services, levels and trace that reached Loki.",
            PER_SECOND,
            [(f"sum by (detected_level) (rate({WANTED} [$__auto]))", "{{detected_level}}")],
            quiet="no service wrote such a line",
        ).height(12),
    ]


def _requests() -> list:
    return [
        traces(
            "Failing requests",
            "The newest requests in which a service failed. An id opens the trace.",
            "{ kind = server && status = error }",
            quiet="no request failed",
        ),
        traces(
            "Slow requests",
            "The newest requests that took the gateway more than 100 ms. An id opens the trace.",
            '{ resource.service.name = "gateway" && kind = server && duration > 100ms }',
            quiet="every request was answered within 100 ms",
        ),
    ]


def _spans() -> list:
    return [
        trace(
            "Trace",
            "Who called whom, for how long, and what failed.",
            "trace",
            quiet="no trace id is given, or Tempo does not know it",
        ),
    ]
