"""What the services say they made against what the stores have: the books of spans and lines."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack
from sandbox.telemetry.exposition import samples_of
from sandbox.telemetry.senders import EXPORTED, PROCESSED
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki, Tempo

__all__ = ["BY_THE_CLOCK", "OF_SERVICES", "Books", "Produced", "lost_spans", "produced", "reconcile"]

# Tempo and the test share the time of a look-up; more at once would only take turns.
LOOKUPS_AT_ONCE = 4
# Services fetch auth's keys every five minutes, whoever sends requests; their traces are found by their lines.
BY_THE_CLOCK = "/.well-known/jwks.json"
OF_SERVICES = f'{{service_name=~"{"|".join(SERVICES)}"}}'


@dataclass(frozen=True)
class Produced:
    """How many spans ended and how many lines were written, by service, since it started."""

    spans: Counter[str]
    lines: Counter[str]


@dataclass(frozen=True)
class Books:
    """The same stretch of time on both sides, by service."""

    ended: Counter[str]
    stored: Counter[str]
    written: Counter[str]
    found: Counter[str]
    # Spans that the services say they lost.
    given_up: Counter[str]

    @property
    def lost_spans(self) -> int:
        return (self.ended - self.stored).total()

    @property
    def lost_lines(self) -> int:
        return (self.written - self.found).total()

    @property
    def balanced(self) -> bool:
        """Nothing is missing but what was given up, and nothing is there twice."""
        return self.ended == self.stored + self.given_up and self.written == self.found


def spans_ended(stack: Stack, service: str) -> int:
    """From the service's own page: what left the queue of the SDK's processor in any way, and what waits in it."""
    names = (PROCESSED, "otel_sdk_processor_span_queue_size")
    return int(sum(sum(samples_of(stack.url(service), name).values()) for name in names))


def lost_spans(stack: Stack) -> Counter[str]:
    """How many spans each service says that it lost: not delivered, or without room to wait."""
    lost: Counter[str] = Counter()
    for service in SERVICES:
        for name in (PROCESSED, EXPORTED):
            samples = samples_of(stack.url(service), name).items()
            lost[service] += int(sum(value for labels, value in samples if "error_type" in dict(labels)))
    return lost


def produced(stack: Stack) -> Produced:
    """From the services' own pages."""
    spans = {service: spans_ended(stack, service) for service in SERVICES}
    lines = {
        service: int(sum(samples_of(stack.url(service), "telemetry_log_lines_total").values())) for service in SERVICES
    }
    return Produced(Counter(spans), Counter(lines))


def reconcile(
    stack: Stack,
    tempo: Tempo,
    loki: Loki,
    before: Produced,
    since: float,
    trace_ids: Iterable[str],
    timeout: float,
    *,
    lost: Counter[str],
) -> Books:
    """Wait until the stores have all that was made since ``before``, which was read at the time ``since``.

    ``trace_ids`` are those of every request that was sent meanwhile, ``lost`` the spans by service that will not come.
    Raises ``NotSeen`` with the books as they stand.
    """
    traces = _Traces(tempo, trace_ids)

    def books() -> Books:
        # The stores first: what is made meanwhile is then missing, not too much.
        lines = loki.lines(OF_SERVICES, since)
        traces.add(line.fields["traceId"] for line in lines if BY_THE_CLOCK in line.body)
        stored = traces.spans()
        found = Counter(line.service for line in lines)
        now = produced(stack)
        ended = Counter({name: now.spans[name] - before.spans[name] for name in SERVICES})
        written = Counter({name: now.lines[name] - before.lines[name] for name in SERVICES})
        return Books(ended, stored, written, found, Counter(lost))

    return eventually("the books to balance", books, lambda one: one.balanced, timeout=timeout, interval=1.0)


class _Traces:
    """The spans of many traces, looked up again only while they may still grow."""

    def __init__(self, tempo: Tempo, trace_ids: Iterable[str]) -> None:
        self._tempo = tempo
        self._found: dict[str, Counter[str]] = {trace_id: Counter() for trace_id in trace_ids}
        self._growing = set(self._found)

    def add(self, trace_ids: Iterable[str]) -> None:
        """Traces that are to be looked up as well."""
        for trace_id in trace_ids:
            if trace_id not in self._found:
                self._found[trace_id] = Counter()
                self._growing.add(trace_id)

    def spans(self) -> Counter[str]:
        """How many spans of each service are stored by now."""
        # All that seemed complete are asked again when nothing grows any more: a late span may belong to any trace.
        looked_up = list(self._growing or self._found)
        with ThreadPoolExecutor(LOOKUPS_AT_ONCE) as pool:
            grew = pool.map(self._grew, looked_up)
            self._growing = {trace_id for trace_id, more in zip(looked_up, grew, strict=True) if more}
        return sum(self._found.values(), Counter())

    def _grew(self, trace_id: str) -> bool:
        now = Counter(span.service for span in self._tempo.trace(trace_id))
        before, self._found[trace_id] = self._found[trace_id], now
        return not now or now != before
