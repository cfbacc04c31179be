"""Queries of Prometheus that the panels have in common.

Requests, errors and duration of a service come from its own metrics; a service that has none is known from its spans,
of which Tempo makes metrics. Both give series of the same labels, so one panel shows both kinds of service.
"""

__all__ = [
    "BUCKETS",
    "CHOSEN",
    "FIRING",
    "PER_MINUTE",
    "PER_SECOND",
    "REQUESTS",
    "ROUTE",
    "SERVICES",
    "SEVERITIES",
    "by_severity",
    "by_status",
    "error_ratio",
    "latency",
    "per_minute",
    "quantile",
    "rate",
    "requests",
]

REQUESTS = "http_server_request_duration_seconds_count"
BUCKETS = "http_server_request_duration_seconds_bucket"
SPANS = "traces_spanmetrics_calls_total"
SPAN_BUCKETS = "traces_spanmetrics_latency_bucket"

# Every service that is known at all, for variables.
SERVICES = f'label_values({{__name__=~"{REQUESTS}|{SPANS}"}}, service)'
# Selects the services chosen at the top of the dashboard.
CHOSEN = 'service=~"$service"'
# Alerts that a person is told of.
_TOLD = 'severity=~"page|ticket"'
FIRING = f'ALERTS{{alertstate="firing",{_TOLD}}}'

# What the value of `by_severity` means, for timelines.
SEVERITIES = {1: "ticket", 2: "page"}

STATUS = "http_response_status_code"
# Labels that make up a route.
ROUTE = "http_request_method, http_route"
_SERVER = 'span_kind="SPAN_KIND_SERVER"'

# The units of what per_minute and rate give, for panels.
PER_MINUTE = "suffix:/min"
PER_SECOND = "suffix:/s"

# A handful of scrapes: short enough to see a change at once, long enough not to jump with each request.
WINDOW = "$__rate_interval"


def rate(metric: str, by: str = "", where: str = "", window: str = WINDOW) -> str:
    """Increase a second of a counter, summed by the named labels (all together when none are named)."""
    grouping = f" by ({by}) " if by else ""
    selector = f"{{{where}}}" if where else ""
    return f"sum{grouping}(rate({metric}{selector}[{window}]))"


def per_minute(metric: str, by: str = "", where: str = "") -> str:
    """Increase a minute (unit PER_MINUTE), for what happens too seldom to read as a number a second."""
    return f"60 * {rate(metric, by, where)}"


def quantile(share: float, metric: str, by: str = "", where: str = "", window: str = WINDOW) -> str:
    """Value of a histogram that the given share (0 to 1) of observations stays under, by the named labels."""
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(metric, labels, where, window)})"


def requests(where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Requests a second that services answer."""
    own = rate(REQUESTS, by, where, window)
    return _or_spans(own, rate(SPANS, _of_spans(by), _and(where, _SERVER), window), by)


def by_status(where: str = CHOSEN) -> str:
    """Answers a second of one service by status code; for one that only sends spans, by whether they failed."""
    own = rate(REQUESTS, STATUS, where)
    spans = (
        f'label_replace({rate(SPANS, "status_code", _and(where, _SERVER))}, "{STATUS}", "$1", "status_code", "(.*)")'
    )
    return f"{own} or {spans} unless on () {own}"


def error_ratio(where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Share (0 to 1) of the answers of services that are server errors: 5xx, or a span with the status error."""
    own = _ratio(REQUESTS, by, where, 'http_response_status_code=~"5.."', window)
    spans = _ratio(SPANS, _of_spans(by), _and(where, _SERVER), 'status_code="STATUS_CODE_ERROR"', window)
    return _or_spans(own, spans, by)


def latency(share: float, where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Time in seconds in which the given share of requests was answered."""
    own = quantile(share, BUCKETS, by, where, window)
    return _or_spans(own, quantile(share, SPAN_BUCKETS, _of_spans(by), _and(where, _SERVER), window), by)


def by_severity(alerts: str, by: str) -> str:
    """1 while a ticket fires, 2 while a page does (SEVERITIES), by the named labels; `alerts` is FIRING or narrower."""
    page, ticket = (alerts.replace(_TOLD, f'severity="{name}"') for name in ("page", "ticket"))
    return f"2 * max by ({by}) ({page}) or max by ({by}) ({ticket})"


def _ratio(metric: str, by: str, where: str, bad: str, window: str) -> str:
    every = rate(metric, by, where, window)
    # A service without a single error has no series of errors; zero is what that means.
    return f"({rate(metric, by, _and(where, bad), window)} or 0 * {every}) / {every}"


def _or_spans(own: str, spans: str, by: str) -> str:
    """What is known from a service's own metrics, or else from its spans."""
    if ROUTE not in by:
        return f"{own} or {spans}"
    # The labels differ, so one kind leaves the other out as a whole: meant for one service.
    return f'{own} or label_replace({spans}, "http_route", "$1", "span_name", "(.*)") unless on () {own}'


def _of_spans(by: str) -> str:
    """The labels of Tempo's span metrics: what has a route there is called by its span's name."""
    return by.replace(ROUTE, "span_name")


def _and(*conditions: str) -> str:
    return ",".join(condition for condition in conditions if condition)
