"""A store that is away costs no request and no data, a restart of the collector neither; what cannot wait is counted.

LOSS_SECONDS is how long each component is away (10 unless told). LOSS_AT_ONCE=1 takes all of them away in one
experiment, each a third of that later than the one before: three long absences in the time of not quite two.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from sandbox.completeness.balance import produced
from sandbox.completeness.exposition import samples_of
from sandbox.engines import commands
from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer
from sandbox.traffic.synthetic import silence
from sandbox_testing.observe import Unchanged
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Bugsink, LogLine, Loki, Prometheus, Tempo
from tests.support.books import lost_spans, reconcile
from tests.support.components import start, wait_for_senders, without
from tests.support.evidence import Evidence
from tests.support.figures import Figures
from tests.support.steady import SteadyLoad
from tests.support.traffic import KINDS

AWAY_SECONDS = float(os.environ.get("LOSS_SECONDS", "10"))
COMPONENTS = ("loki", "tempo", "otel-collector")
AT_ONCE = os.environ.get("LOSS_AT_ONCE") == "1"
# How long a collector may be away before services give up spans (OTEL_EXPORTER_OTLP_TIMEOUT in docker-compose.yml).
COLLECTOR_SECONDS = 20.0
ABSENCES = {"overlapping": COMPONENTS} if AT_ONCE else {component: (component,) for component in COMPONENTS}
# Together about four requests a second. Each trace is looked up afterwards, at up to 100 ms of a processor each.
CUSTOMERS, PAUSE_SECONDS = 4, 1.0
BEFORE_SECONDS = 3.0
# The senders' longest pause between two tries is 5 s; a long outage leaves more to be sent and to be looked up. On a
# busy machine, looking up all traces once takes 20 s.
ARRIVAL_SECONDS = 120.0 + AWAY_SECONDS
FLUSH_SECONDS = 0.2
"""OTEL_BSP_SCHEDULE_DELAY in docker-compose.yml."""
# From the end of a span to the collector's answer there is also the export itself, on a busy machine.
EXPORT_SECONDS = 0.8
PAYING = tuple(kind for kind in KINDS if kind.name in ("success", "decline"))


@pytest.fixture
def quiet(stack: Stack) -> Iterator[None]:
    """Nobody sends requests but the test."""
    with silence(stack, lambda: produced(stack)):
        yield


@pytest.mark.engine("volumes and restart")
@pytest.mark.parametrize("components", ABSENCES.values(), ids=ABSENCES)
def test_only_a_long_absence_of_the_collector_costs_spans_and_none_costs_a_line(
    stack: Stack,
    tempo: Tempo,
    loki: Loki,
    quiet: None,
    evidence: Evidence,
    figures: Figures,
    components: tuple[str, ...],
) -> None:
    """Without this the minutes that matter most, those of an outage, are the ones of which nothing is known."""
    since, before, lost_before = time.time(), produced(stack), lost_spans(stack)
    with SteadyLoad(stack.url("gateway"), customers=CUSTOMERS, pause=PAUSE_SECONDS) as load:
        load.go_on(BEFORE_SECONDS)
        stopped = time.time()
        away, started = _take_away(stack, load, components)
        load.go_on(1.0)
    back = time.time()
    wait_for_senders(stack)
    given_up = lost_spans(stack) - lost_before
    books = reconcile(stack, tempo, loki, before, since, load.trace_ids, ARRIVAL_SECONDS, lost=given_up)
    usual, meanwhile = load.typical_seconds(since, stopped), load.typical_seconds(away, started)
    evidence(
        requests=len(load.exchanges),
        seconds_away=round(started - stopped, 1),
        lost_spans=books.lost_spans,
        lost_lines=books.lost_lines,
        spans=books.stored.total(),
        lines=books.found.total(),
        median_ms_before=round(usual * 1e3, 1),
        median_ms_meanwhile=round(meanwhile * 1e3, 1),
    )
    named = f"losses: {', '.join(components)}"
    figures.add(f"{named}: seconds away", "s", [started - stopped])
    figures.add(f"{named}: requests", "1", [len(load.exchanges)])
    figures.add(f"{named}: requests failed", "1", [len(load.failures())])
    figures.add(f"{named}: spans", "1", [books.stored.total()])
    figures.add(f"{named}: lines", "1", [books.found.total()])
    figures.add(f"{named}: spans and lines lost", "1", [books.lost_spans + books.lost_lines])
    figures.add(f"{named}: caught up", "s", [time.time() - back])
    assert load.failures() == []
    # The books only balance when exactly those spans are missing that the services say they lost.
    assert books.lost_lines == 0
    if AWAY_SECONDS <= COLLECTOR_SECONDS or "otel-collector" not in components:
        assert books.lost_spans == 0
    assert meanwhile < 2 * usual + 0.05, f"requests took {meanwhile:.3f} s instead of {usual:.3f} s"


def _take_away(stack: Stack, load: SteadyLoad, components: tuple[str, ...]) -> tuple[float, float]:
    """Each is away for AWAY_SECONDS, the next begins a third of that later; when the first was gone and the last came.

    Whatever happens, all of them run afterwards.
    """

    def stop(stack: Stack, component: str) -> None:
        commands.stop(stack.root, component)

    later = AWAY_SECONDS / len(COMPONENTS)
    plan = [(at * later, stop, component) for at, component in enumerate(components)]
    back = partial(start, senders=False)
    plan += [(at * later + AWAY_SECONDS, back, component) for at, component in enumerate(components)]
    began, gone, moments = time.time(), set(), []
    try:
        for due, change, component in sorted(plan, key=lambda step: step[0]):
            # By the clock: what another component takes to start must not make this one's absence longer.
            load.go_on(max(0.0, began + due - time.time()))
            gone ^= {component}
            moments.append(time.time())
            change(stack, component)
            moments.append(time.time())
    finally:
        for component in gone:
            start(stack, component)
    return moments[1], moments[-2]


def test_what_cannot_wait_is_counted_while_its_store_is_away(
    stack: Stack, quiet: None, prometheus: Prometheus, bugsink: Bugsink, errors_of: Callable, evidence: Evidence
) -> None:
    """Without this lost error events look like no errors, and a gap in the metrics like no customers."""
    failures = 5

    def outcomes() -> dict[str, float]:
        samples = samples_of(stack.url("gateway"), "telemetry_error_events_total")
        return {dict(labels)["outcome"]: value for labels, value in samples.items()}

    def counted() -> float:
        wanted = {("http_route", "/api/debug/{service}/error"), ("http_response_status_code", "500")}
        samples = samples_of(stack.url("gateway"), "http_server_request_duration_seconds_count")
        return sum(value for labels, value in samples.items() if wanted <= labels)

    before, requests = outcomes(), counted()
    with without(stack, "prometheus", "bugsink"), Customer(stack.url("gateway")) as person:
        answers = [person.send("POST", "/api/debug/gateway/error") for _ in range(failures)]

        def lost() -> float:
            return outcomes().get("lost", 0) - before.get("lost", 0)

        eventually("the lost error events to be counted", lost, lambda count: count == failures)
    evidence(error_events_lost=failures, counted_as_lost=lost())
    assert [answer.status for answer in answers] == [500] * failures
    assert outcomes()["recorded"] - before.get("recorded", 0) == failures
    query = (
        'sum(last_over_time(http_server_request_duration_seconds_count{service="gateway",'
        'http_route="/api/debug/{service}/error",http_response_status_code="500"}[11s]))'
    )
    eventually("the counter in Prometheus to have the gap's requests", lambda: prometheus.value(query) == counted())
    assert counted() - requests == failures
    with Customer(stack.url("gateway")) as person:
        later = person.send("POST", "/api/debug/gateway/error")
    assert errors_of(later.trace_id), "error events flow again"


@pytest.mark.engine("volumes and restart")
def test_a_killed_service_loses_no_line_and_at_most_one_flush_of_spans(
    stack: Stack, tempo: Tempo, loki: Loki, quiet: None, evidence: Evidence, figures: Figures
) -> None:
    """Without this a crash takes its own explanation with it."""
    since = time.time()
    with SteadyLoad(stack.url("gateway"), customers=3, pause=0.0, kinds=PAYING) as load:
        load.go_on(BEFORE_SECONDS)
        killing = time.time()
        commands.kill(stack.root, "payments")
        killed = time.time()
    start(stack, "payments")
    answered = [one for one in load.sent if one.exchange.status == one.kind.status]
    wanted = {one.exchange.trace_id for one in answered}
    lines = _lines_of(loki, since, wanted)
    unsent = _without_span(tempo, lines)
    held = [killed - line.timestamp / 1e9 for line in unsent]
    oldest = round(max(held, default=0.0), 3)
    evidence(answered=len(answered), lines=len(lines), lost_server_spans=len(unsent), oldest_lost_seconds=oldest)
    figures.add("losses: killed payments: requests answered", "1", [len(answered)])
    figures.add("losses: killed payments: lines lost", "1", [len(wanted - {one.fields["traceId"] for one in lines})])
    figures.add("losses: killed payments: server spans lost", "1", [len(unsent)])
    figures.add("losses: killed payments: age of the oldest lost span", "s", [oldest])
    assert len(answered) > 10
    assert all(line.timestamp / 1e9 > killing - FLUSH_SECONDS - EXPORT_SECONDS for line in unsent), f"ages: {held}"


def _lines_of(loki: Loki, since: float, wanted: set[str]) -> list[LogLine]:
    """The access lines of payments, once there is one for every trace wanted: each answer was written down first."""

    def look() -> tuple[set[str], list[LogLine]]:
        lines = loki.lines('{service_name="payments"} | event="http.access"', since)
        return wanted - {line.fields["traceId"] for line in lines}, lines

    what = "a line of payments for every payment that was answered"
    return eventually(what, look, lambda found: not found[0], timeout=ARRIVAL_SECONDS)[1]


def _without_span(tempo: Tempo, lines: list[LogLine]) -> list[LogLine]:
    """The lines whose server span has not arrived, once nothing more arrives."""
    missing, still = lines, Unchanged(3.0)

    def look() -> bool:
        nonlocal missing
        missing = [
            line
            for line in missing
            if line.fields["spanId"] not in {span.span_id for span in tempo.trace(line.fields["traceId"])}
        ]
        return still(len(missing))

    eventually("no more spans to arrive", look, timeout=ARRIVAL_SECONDS)
    return missing
