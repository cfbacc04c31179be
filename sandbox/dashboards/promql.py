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
    "begins",
    "by_severity",
    "by_status",
    "error_ratio",
    "latency",
    "money",
    "named",
    "per_minute",
    "quantile",
    "rate",
    "requests",
    "share",
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

STATUS = "http_response_status_code"
# Labels that make up a route.
ROUTE = "http_request_method, http_route"
_SERVER = 'span_kind="SPAN_KIND_SERVER"'

# A request failed as the objectives count it (a stream that broke after 200 included), or by its status alone: an SDK
# of somebody else's may leave error_type out.
_FAILED = ('error_type!=""', f'error_type="",{STATUS}=~"5.."')

# The units of what per_minute and rate give, for panels.
PER_MINUTE = "suffix:/min"
PER_SECOND = "suffix:/s"

# Currencies whose smallest unit is not a hundredth (ISO 4217).
_WHOLE = "BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF"
_THOUSANDTHS = "BHD|IQD|JOD|KWD|LYD|OMR|TND"
# How long something must have been away to begin again.
_PAUSE = "5m"

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
    """Value of a histogram that the given share (0 to 1) of observations stays under, by the named labels.

    Without an observation there is no series; the function itself would say NaN.
    """
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(metric, labels, where, window)}) >= 0"


def share(part: str, whole: str) -> str:
    """A part of a whole (0 to 1), matched by their labels; no series where the whole is 0, because 0 / 0 is NaN."""
    return f"{part} / ({whole} > 0)"


def named(expression: str, by: str) -> str:
    """The largest value by the named labels, none of which is ever empty: a dash stands where a series has none."""
    filled = f"max by ({by}) ({expression})"
    for label in by.split(", "):
        filled = f'label_replace({filled}, "{label}", "–", "{label}", "")'
    return filled


def begins(series: str, by: str) -> str:
    """One point where a series appears after it was away for five minutes, in a view of any step."""
    now, before = "[$__interval]", f"[{_PAUSE}] offset $__interval"
    return f"max by ({by}) (max_over_time({series}{now})) unless max by ({by}) (max_over_time({series}{before}))"


def money(metric: str, by: str = "currency", window: str = WINDOW, of: str = "{}") -> str:
    """`of` a counter's increase a second, or of a histogram's, by currency; minor units become the currency's own."""
    kinds = {
        f'currency!~"{_WHOLE}|{_THOUSANDTHS}"': 100,
        f'currency=~"{_WHOLE}"': 1,
        f'currency=~"{_THOUSANDTHS}"': 1000,
    }
    return " or ".join(f"{of.format(rate(metric, by, where, window))} / {parts}" for where, parts in kinds.items())


def requests(where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Requests a second that services answer."""
    own = rate(REQUESTS, by, where, window)
    return _or_spans(own, rate(SPANS, _of_spans(by), _and(where, _SERVER), window), by)


def by_status(where: str = CHOSEN) -> str:
    """Answers a second of one service by class (2xx); of one that only sends spans, by their status."""
    own = f'sum by (class) (label_replace({rate(REQUESTS, STATUS, where)}, "class", "${{1}}xx", "{STATUS}", "(.).*"))'
    spans = rate(SPANS, "status_code", _and(where, _SERVER))
    named = f'label_replace({spans}, "class", "$1", "status_code", "STATUS_CODE_(.*)")'
    return f"{own} or sum by (class) ({named}) unless on () {own}"


def error_ratio(where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Share (0 to 1) of the answers of services that failed: see _FAILED, or a span with the status error."""
    own = _ratio(REQUESTS, by, where, _FAILED, window)
    spans = _ratio(SPANS, _of_spans(by), _and(where, _SERVER), ('status_code="STATUS_CODE_ERROR"',), window)
    return _or_spans(own, spans, by)


def latency(share: float, where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Time in seconds in which the given share of requests was answered."""
    own = quantile(share, BUCKETS, by, where, window)
    return _or_spans(own, quantile(share, SPAN_BUCKETS, _of_spans(by), _and(where, _SERVER), window), by)


def by_severity(alerts: str, by: str) -> str:
    """1 while a ticket fires, 2 while a page does (SEVERITIES), by the named labels; `alerts` is FIRING or narrower."""
    page, ticket = (alerts.replace(_TOLD, f'severity="{name}"') for name in ("page", "ticket"))
    return f"2 * max by ({by}) ({page}) or max by ({by}) ({ticket})"


def _ratio(metric: str, by: str, where: str, bad: tuple[str, ...], window: str) -> str:
    every = rate(metric, by, where, window)
    failed = " or ".join(f"rate({metric}{{{_and(where, one)}}}[{window}])" for one in bad)
    # A service without a single error has no series of errors; zero is what that means.
    return share(f"(sum by ({by}) ({failed}) or 0 * {every})", every)


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
