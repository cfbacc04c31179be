"""PromQL that several panels use.

Requests, errors and duration of a service come from its own metrics. For a service without metrics, they come from the
span metrics that Tempo generates. Both have the same labels, so one panel shows both kinds of services.
"""

__all__ = [
    "BUCKETS",
    "CHOSEN",
    "CORES_UNIT",
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

# All known services, for variables.
SERVICES = f'label_values({{__name__=~"{REQUESTS}|{SPANS}"}}, service)'
# Selects the services chosen at the top of the dashboard.
CHOSEN = 'service=~"$service"'
# Alerts that notify a person.
_TOLD = 'severity=~"page|ticket"'
FIRING = f'ALERTS{{alertstate="firing",{_TOLD}}}'

STATUS = "http_response_status_code"
# Labels that identify a route.
ROUTE = "http_request_method, http_route"
_SERVER = 'span_kind="SPAN_KIND_SERVER"'

# A request failed if the objectives count it as failed (including a stream that broke after 200), or by its status
# alone: a foreign SDK may omit error_type.
_FAILED = ('error_type!=""', f'error_type="",{STATUS}=~"5.."')

# Units of panels that Grafana has no name for; the first two belong to per_minute and rate.
PER_MINUTE = "suffix:/min"
PER_SECOND = "suffix:/s"
CORES_UNIT = "suffix: cores"

# Currencies whose minor unit is not a hundredth (ISO 4217).
_WHOLE = "BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|XAF|XOF|XPF"
_THOUSANDTHS = "BHD|IQD|JOD|KWD|LYD|OMR|TND"
# How long a series must have been absent to count as new.
_PAUSE = "5m"

# A handful of scrapes: short enough to show a change at once, long enough not to jump with each request.
WINDOW = "$__rate_interval"


def rate(metric: str, by: str = "", where: str = "", window: str = WINDOW) -> str:
    """Increase per second of a counter, summed by the given labels (in total if there are none)."""
    grouping = f" by ({by}) " if by else ""
    selector = f"{{{where}}}" if where else ""
    return f"sum{grouping}(rate({metric}{selector}[{window}]))"


def per_minute(metric: str, by: str = "", where: str = "") -> str:
    """Increase per minute (unit PER_MINUTE), for events too rare to be readable per second."""
    return f"60 * {rate(metric, by, where)}"


def quantile(share: float, metric: str, by: str = "", where: str = "", window: str = WINDOW) -> str:
    """Quantile of a histogram for a share (0 to 1) of observations, by the given labels.

    Without observations there is no series, where `histogram_quantile` alone would return NaN.
    """
    labels = f"{by}, le" if by else "le"
    return f"histogram_quantile({share}, {rate(metric, labels, where, window)}) >= 0"


def share(part: str, whole: str) -> str:
    """A part of a whole (0 to 1), matched by their labels; no series if the whole is 0, because 0 / 0 is NaN."""
    return f"{part} / ({whole} > 0)"


def named(expression: str, by: str) -> str:
    """The largest value by the given labels. An empty label is replaced by a dash."""
    filled = f"max by ({by}) ({expression})"
    for label in by.split(", "):
        filled = f'label_replace({filled}, "{label}", "–", "{label}", "")'
    return filled


def begins(series: str, by: str) -> str:
    """One point where a series appears after an absence of five minutes, in a view of any step."""
    now, before = "[$__interval]", f"[{_PAUSE}] offset $__interval"
    return f"max by ({by}) (max_over_time({series}{now})) unless max by ({by}) (max_over_time({series}{before}))"


def money(metric: str, by: str = "currency", window: str = WINDOW, of: str = "{}") -> str:
    """The expression `of`, with the increase per second of a counter or a histogram in the place of `{}`, by currency.

    The result is converted from minor units to the currency's main unit.
    """
    kinds = {
        f'currency!~"{_WHOLE}|{_THOUSANDTHS}"': 100,
        f'currency=~"{_WHOLE}"': 1,
        f'currency=~"{_THOUSANDTHS}"': 1000,
    }
    return " or ".join(f"{of.format(rate(metric, by, where, window))} / {parts}" for where, parts in kinds.items())


def requests(where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Requests per second handled by services."""
    own = rate(REQUESTS, by, where, window)
    return _or_spans(own, rate(SPANS, _of_spans(by), _and(where, _SERVER), window), by)


def by_status() -> str:
    """Responses per second of one service by class (2xx), or by span status if the service sends only spans."""
    own = f'sum by (class) (label_replace({rate(REQUESTS, STATUS, CHOSEN)}, "class", "${{1}}xx", "{STATUS}", "(.).*"))'
    spans = rate(SPANS, "status_code", _and(CHOSEN, _SERVER))
    named = f'label_replace({spans}, "class", "$1", "status_code", "STATUS_CODE_(.*)")'
    return f"{own} or sum by (class) ({named}) unless on () {own}"


def error_ratio(where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Share (0 to 1) of failed responses of services: see _FAILED, or a span with the status error."""
    own = _ratio(REQUESTS, by, where, _FAILED, window)
    spans = _ratio(SPANS, _of_spans(by), _and(where, _SERVER), ('status_code="STATUS_CODE_ERROR"',), window)
    return _or_spans(own, spans, by)


def latency(share: float, where: str = CHOSEN, by: str = "service", window: str = WINDOW) -> str:
    """Quantile of the response time, in seconds, for the given share of requests."""
    own = quantile(share, BUCKETS, by, where, window)
    return _or_spans(own, quantile(share, SPAN_BUCKETS, _of_spans(by), _and(where, _SERVER), window), by)


def by_severity(alerts: str, by: str) -> str:
    """1 while a ticket fires, 2 while a page does (SEVERITIES), by the given labels.

    `alerts` is FIRING or a narrower selector.
    """
    page, ticket = (alerts.replace(_TOLD, f'severity="{name}"') for name in ("page", "ticket"))
    return f"2 * max by ({by}) ({page}) or max by ({by}) ({ticket})"


def _ratio(metric: str, by: str, where: str, bad: tuple[str, ...], window: str) -> str:
    every = rate(metric, by, where, window)
    failed = " or ".join(f"rate({metric}{{{_and(where, one)}}}[{window}])" for one in bad)
    # A service without errors has no series of errors, which means zero.
    return share(f"(sum by ({by}) ({failed}) or 0 * {every})", every)


def _or_spans(own: str, spans: str, by: str) -> str:
    """The result from a service's own metrics, or from its spans if it has none."""
    if ROUTE not in by:
        return f"{own} or {spans}"
    # The labels differ, so `unless` drops one kind completely. For a single service only.
    return f'{own} or label_replace({spans}, "http_route", "$1", "span_name", "(.*)") unless on () {own}'


def _of_spans(by: str) -> str:
    """Convert labels to those of Tempo's span metrics, where the span's name takes the place of the route."""
    return by.replace(ROUTE, "span_name")


def _and(*conditions: str) -> str:
    return ",".join(condition for condition in conditions if condition)
