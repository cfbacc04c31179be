"""Compares the numbers of spans and log lines that services produced with those in the stores."""

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sandbox.completeness.balance import OF_SERVICES, Produced, produced
from sandbox.completeness.exposition import EXPORTED, PROCESSED, samples_of
from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki, Tempo

__all__ = ["BY_THE_CLOCK", "Books", "lost_spans", "reconcile"]

# Tempo shares the processors with the test; more concurrent look-ups would be no faster.
LOOKUPS_AT_ONCE = 4
# Services fetch auth's keys every five minutes, independently of requests. Their traces are found through their log
# lines.
BY_THE_CLOCK = "/.well-known/jwks.json"


@dataclass(frozen=True)
class Books:
    """Both sides of the comparison for the same period, by service."""

    ended: Counter[str]
    stored: Counter[str]
    written: Counter[str]
    found: Counter[str]
    # Spans that the services report as lost.
    given_up: Counter[str]

    @property
    def lost_spans(self) -> int:
        return (self.ended - self.stored).total()

    @property
    def lost_lines(self) -> int:
        return (self.written - self.found).total()

    @property
    def balanced(self) -> bool:
        """Whether nothing is missing except reported losses, and nothing is stored twice."""
        return self.ended == self.stored + self.given_up and self.written == self.found


def lost_spans(stack: Stack) -> Counter[str]:
    """Return the number of spans that each service reports as lost.

    They were not delivered, or dropped because of a full queue.
    """
    lost: Counter[str] = Counter()
    for service in SERVICES:
        for name in (PROCESSED, EXPORTED):
            samples = samples_of(stack.url(service), name).items()
            lost[service] += int(sum(value for labels, value in samples if "error_type" in dict(labels)))
    return lost


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
    """Wait until the stores have everything that was produced since ``before``, which was read at the time ``since``.

    ``trace_ids`` are those of every request sent meanwhile; ``lost`` are the spans per service that will not arrive.
    Raises ``NotSeen`` with the current comparison.
    """
    traces = _Traces(tempo, trace_ids)

    def books() -> Books:
        # Stores first: what is produced meanwhile then counts as missing, not as surplus.
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
    """The spans of many traces. A trace is looked up again only while it may still grow."""

    def __init__(self, tempo: Tempo, trace_ids: Iterable[str]) -> None:
        self._tempo = tempo
        self._found: dict[str, Counter[str]] = {trace_id: Counter() for trace_id in trace_ids}
        self._growing = set(self._found)

    def add(self, trace_ids: Iterable[str]) -> None:
        """Add traces to look up."""
        for trace_id in trace_ids:
            if trace_id not in self._found:
                self._found[trace_id] = Counter()
                self._growing.add(trace_id)

    def spans(self) -> Counter[str]:
        """Return the number of stored spans per service."""
        # When no trace grows any more, look up all of them again: a late span may belong to any trace.
        looked_up = list(self._growing or self._found)
        with ThreadPoolExecutor(LOOKUPS_AT_ONCE) as pool:
            grew = pool.map(self._grew, looked_up)
            self._growing = {trace_id for trace_id, more in zip(looked_up, grew, strict=True) if more}
        return sum(self._found.values(), Counter())

    def _grew(self, trace_id: str) -> bool:
        now = Counter(span.service for span in self._tempo.trace(trace_id))
        before, self._found[trace_id] = self._found[trace_id], now
        return not now or now != before
