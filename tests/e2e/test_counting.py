"""N requests are N of everything: traces, server spans, access lines, counts and error events."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from sandbox.completeness.exposition import samples_of
from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer
from sandbox.traffic.synthetic import silence
from sandbox_testing.polling import eventually
from sandbox_testing.spans import Span
from sandbox_testing.stores import Bugsink, LogLine, Loki, Prometheus, Tempo
from testing.vocabulary import vocabulary
from tests.support.books import BY_THE_CLOCK
from tests.support.evidence import Evidence
from tests.support.traffic import Sent, send_mixed, send_timeouts

EACH = 15
COUNT = "http_server_request_duration_seconds_count"
ACCESS = '{service_name=~"gateway|auth|payments"} | event="http.access"'
# What a failure was is asserted elsewhere; here its requests are counted.
LABELS = [name for name in vocabulary().labels("http_server_request_duration_seconds") if name != "error_type"]
ARRIVAL_SECONDS = 30.0

T = TypeVar("T")
Counts = dict[str, Counter[tuple[str, ...]]]


class Window:
    """A stretch of time in which nobody but the test sent requests, with the counters at both ends."""

    def __init__(self, sent: list[Sent], before: Counts, after: Counts) -> None:
        self.sent = sent
        self.start = sent[0].exchange.sent_at
        self.end = sent[-1].exchange.received_at
        self.trace_ids = [one.exchange.trace_id for one in sent]
        self.rise = {service: after[service] - before[service] for service in SERVICES}


def page_counts(stack: Stack) -> Counts:
    """What each service says on its own /metrics page, by method, route and status."""
    return {service: as_counter(samples_of(stack.url(service), COUNT)) for service in SERVICES}


def as_counter(samples) -> Counter[tuple[str, ...]]:
    counted: Counter[tuple[str, ...]] = Counter()
    for labels, value in samples.items():
        if dict(labels)["http_route"] != BY_THE_CLOCK:
            counted[tuple(dict(labels)[name] for name in LABELS)] += int(value)
    return counted


def scraped_counts(prometheus: Prometheus) -> Counts:
    """The same, as Prometheus has it."""
    # Of the last two scrapes only: after a restart of everything, Prometheus would answer with old series for minutes.
    fresh = {service: f'last_over_time({COUNT}{{service="{service}"}}[11s])' for service in SERVICES}
    found = {service: prometheus.query(query) for service, query in fresh.items()}
    return {
        service: as_counter({frozenset(one.labels.items()): one.value for one in samples})
        for service, samples in found.items()
    }


@pytest.fixture(scope="module", params=[pytest.param("mixed", marks=pytest.mark.engine("the thin path")), "timeouts"])
def window(request: pytest.FixtureRequest, stack: Stack, prometheus: Prometheus) -> Iterator[Window]:
    """Requests of every kind, or payments that the acquirer never answers, while nobody else sends any."""
    send = {
        "mixed": lambda person: send_mixed(person, EACH),
        "timeouts": lambda person: send_timeouts(person, stack.url("acquirer")),
    }[request.param]
    with Customer(stack.url("gateway")) as person, silence(stack, lambda: page_counts(stack)):
        yield _counted(stack, prometheus, person.arrive(), send)


def _counted(stack: Stack, prometheus: Prometheus, person: Customer, send: Callable[[Customer], list[Sent]]) -> Window:
    before = page_counts(stack)
    _scraped(prometheus, before)
    sent = send(person)
    after = page_counts(stack)
    _scraped(prometheus, after)
    return Window(sent, before, after)


def _scraped(prometheus: Prometheus, counts: Counts) -> None:
    """Wait until Prometheus has exactly these counts: the difference is empty in both directions."""

    def difference() -> Counts:
        seen = scraped_counts(prometheus)
        return {service: (counts[service] - seen[service]) + (seen[service] - counts[service]) for service in SERVICES}

    what = "Prometheus to differ in nothing from the services' own pages"
    eventually(what, difference, lambda left: not any(left.values()), timeout=ARRIVAL_SECONDS)


@pytest.fixture(scope="module")
def spans(window: Window, tempo: Tempo) -> list[Span]:
    """All spans of the window's traces, once no service has fewer server spans than it counted requests."""

    def stored() -> tuple[Counter[str], list[Span]]:
        every = [span for trace_id in window.trace_ids for span in tempo.trace(trace_id)]
        return Counter(span.service for span in every if span.kind == "SERVER"), every

    return _whole(window, "server spans in Tempo", stored)


@pytest.fixture(scope="module")
def access_lines(window: Window, loki: Loki) -> list[LogLine]:
    """All access lines of the window, once no service has fewer than it counted requests."""

    def stored() -> tuple[Counter[str], list[LogLine]]:
        found = loki.lines(ACCESS, window.start, window.end + 2)
        every = [one for one in found if one.timestamp >= window.start * 1e9 and BY_THE_CLOCK not in one.body]
        return Counter(line.service for line in every), every

    return _whole(window, "access lines in Loki", stored)


def _whole(window: Window, what: str, stored: Callable[[], tuple[Counter[str], list[T]]]) -> list[T]:
    wanted = {service: rise.total() for service, rise in window.rise.items()}
    _counts, every = eventually(
        f"{wanted} {what}",
        stored,
        lambda found: all(found[0][service] >= count for service, count in wanted.items()),
        timeout=ARRIVAL_SECONDS,
        interval=0.5,
    )
    return every


def test_each_request_is_counted_once_under_its_own_labels(window: Window, evidence: Evidence) -> None:
    """Without this an error rate is a guess."""
    evidence(requests=len(window.sent), query=f'{COUNT}{{service="gateway"}}', series=len(window.rise["gateway"]))
    assert window.rise["gateway"] == Counter(one.series for one in window.sent)


def test_each_request_is_one_trace_with_one_gateway_span(window: Window, spans: list[Span], evidence: Evidence) -> None:
    """Without this a trace is missing when it is needed, or one customer's request is mixed with another's."""
    served = Counter(span.trace_id for span in spans if span.service == "gateway" and span.kind == "SERVER")
    evidence(requests=len(window.sent), traces=len(served), spans=len(spans))
    assert served == Counter(window.trace_ids)
    assert len(served) == len(window.sent)


def test_tempo_holds_no_other_trace_of_the_window(
    window: Window, tempo: Tempo, spans: list[Span], evidence: Evidence
) -> None:
    """Without this requests could leave a second trace beside the one that they name."""
    query = '{resource.service.name="gateway" && kind=server}'
    found = eventually(
        f"search to know {len(window.sent)} traces",
        lambda: {
            trace["traceID"]
            for trace in tempo.search(query, window.start - 1, window.end + 1)
            if window.start <= int(trace["startTimeUnixNano"]) / 1e9 <= window.end
        },
        lambda ids: ids >= set(window.trace_ids),
        timeout=ARRIVAL_SECONDS,
    )
    evidence(query=query, traces=len(found))
    assert found == set(window.trace_ids)


def test_each_request_is_one_access_line_at_the_gateway(
    window: Window, access_lines: list[LogLine], evidence: Evidence
) -> None:
    """Without this a customer who calls about a request is told that there was none, or that there were two."""
    written = [line for line in access_lines if line.service == "gateway"]
    evidence(requests=len(window.sent), lines=len(written), query='{service_name="gateway"} | event="http.access"')
    assert Counter(line.fields["traceId"] for line in written) == Counter(window.trace_ids)
    told = {line.fields["traceId"]: line.fields["http_response_status_code"] for line in written}
    assert told == {one.exchange.trace_id: one.exchange.status for one in window.sent}


@pytest.mark.parametrize("service", SERVICES)
def test_spans_lines_and_counters_agree_in_each_service(
    window: Window, spans: list[Span], access_lines: list[LogLine], service: str, evidence: Evidence
) -> None:
    """Without this three tools give three different numbers for the same minute."""
    counted = sum(window.rise[service].values())
    seen = sum(span.service == service and span.kind == "SERVER" for span in spans)
    written = sum(line.service == service for line in access_lines)
    evidence(counter=counted, server_spans=seen, access_lines=written)
    assert counted > 0
    assert (seen, written) == (counted, counted)


def test_each_failure_is_exactly_one_error_event(window: Window, bugsink: Bugsink, evidence: Evidence) -> None:
    """Without this the error tracker hides failures, or shows more than there were."""
    failed = Counter(one.exchange.trace_id for one in window.sent if one.kind.name == "failure")

    def told() -> Counter[str | None]:
        projects = bugsink.projects().values()
        return Counter(event.trace_id for project in projects for event in bugsink.events(project, window.start))

    found = eventually(
        "every failure in the error tracker", told, lambda ids: ids >= failed, timeout=ARRIVAL_SECONDS, interval=0.5
    )
    evidence(failures=len(failed), events=found.total(), waited=round(time.time() - window.end, 1))
    mine = set(window.trace_ids)
    assert Counter({trace: times for trace, times in found.items() if trace in mine}) == failed
