"""Everything that the stores received since a given time, as text to search in."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from sandbox_testing.stores import Bugsink, Loki, Mailpit, Prometheus, Tempo

__all__ = ["Haystack", "Passage", "haystacks"]


@dataclass(frozen=True)
class Passage:
    """A piece of stored text and its location."""

    where: str
    text: str


@dataclass(frozen=True)
class Haystack:
    """A store that can be read completely from a given time (seconds since the epoch)."""

    name: str
    passages: Callable[[float], Iterable[Passage]]


def haystacks(tempo: Tempo, loki: Loki, prometheus: Prometheus, bugsink: Bugsink, mailbox: Mailpit) -> list[Haystack]:
    """Return one haystack for each telemetry store."""
    return [
        Haystack("loki", lambda since: _lines(loki, since)),
        Haystack("tempo", lambda since: _traces(tempo, since)),
        Haystack("prometheus", lambda since: _series(prometheus, since)),
        Haystack("bugsink", lambda since: _errors(bugsink, since)),
        Haystack("mailpit", lambda since: (Passage(m.subject, m.source) for m in mailbox.messages(since))),
    ]


def _lines(loki: Loki, since: float) -> Iterator[Passage]:
    for line in loki.lines('{service_name=~".+"}', since):
        yield Passage(line.service, line.text)


def _traces(tempo: Tempo, since: float) -> Iterator[Passage]:
    for found in tempo.search("{}", since, time.time(), limit=5000):
        # The trace itself contains its id in base64 only.
        whole = {"traceID": found["traceID"], **(tempo.raw(found["traceID"]) or {})}
        yield Passage("trace", json.dumps(whole, ensure_ascii=False))


def _series(prometheus: Prometheus, since: float) -> Iterator[Passage]:
    everything, now = '{__name__=~".+"}', time.time()
    for labels in prometheus.series(everything, since, now):
        yield Passage(f"series {labels['__name__']}", json.dumps(labels, ensure_ascii=False))
    for found in prometheus.exemplars(everything, since, now):
        yield Passage(f"exemplar of {found['seriesLabels']['__name__']}", json.dumps(found, ensure_ascii=False))


def _errors(bugsink: Bugsink, since: float) -> Iterator[Passage]:
    for name, project in bugsink.projects().items():
        for issue in bugsink.issues(project, since):
            yield Passage(f"issue of {name}", json.dumps(issue, ensure_ascii=False))
        for event in bugsink.events(project, since):
            yield Passage(f"event of {name}", event.text)
