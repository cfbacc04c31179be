"""What a game day lost of the telemetry: traces, log lines, scrapes, error events."""

import time
from collections import Counter
from collections.abc import Container, Mapping
from contextlib import suppress

from sandbox.incidents.runner import Day
from sandbox.model import durations
from sandbox_testing.polling import NotSeen, eventually

__all__ = ["scrapes_missed", "telemetry", "untold"]

TRACES = '{ resource.service.name = "gateway" && span:kind = server }'
ERROR_EVENTS = 'telemetry_error_events_total{outcome=~"lost|throttled"}'
LOST_SPANS = 'telemetry:discarded:increase1m{signal="traces",outcome="lost"}'
# The alert that must fire if error events are lost, or throttled.
TELLS_OF = {"lost": "ErrorEventsLost", "throttled": "ErrorTrackerOverCap"}


def telemetry(day: Day) -> None:
    """Count the requests of the crowd whose trace and whose log line are stored; each request is looked up."""
    record = day.record
    asked = {visit.trace_id for visit in day.crowd.visits if visit.sent_at >= record.began and visit.trace_id}

    def missing() -> tuple[set[str], set[str]]:
        line_query = '{service_name="gateway"} | event="http.access"'
        lines = {line.metadata.get("trace_id") for line in day.asker.loki.lines(line_query, record.began - 5)}
        found = day.asker.tempo.search(TRACES, record.began - 5, time.time() + 1, limit=20_000)
        return asked - {one["traceID"] for one in found}, asked - lines

    with suppress(NotSeen):
        eventually("every trace and line", missing, lambda found: not any(found), timeout=60.0, interval=2.0)
    traces, lines = missing()
    gaps, held_back = _scrapes_missed(day), _error_events(day)
    record.telemetry = {
        "requests": len(asked),
        "traces_lost": len(traces),
        "lines_lost": len(lines),
        "scrapes_missed": sum(gaps.values()),
        "scrapes_missed_of": gaps,
        "error_events_lost": sum(held_back.values()),
    }
    counted = day.asker.prometheus.query(f"max_over_time({LOST_SPANS}[{int(time.time() - record.began)}s]) > 0")
    # A long outage of the collector loses spans, which are counted and reported by TelemetryLost. No outage may lose
    # log lines.
    if lines or (traces and not counted):
        record.problems.append(f"{len(traces)} traces and {len(lines)} lines of {len(asked)} requests are lost")
    record.problems += untold(held_back, {alert["name"] for alert in record.alerts if "firing" in alert})


def untold(lost: Mapping[str, int], firing: Container[str]) -> list[str]:
    """Return problems: error events that did not reach the tracker and for which no alert fired, by outcome."""
    return [
        f"{count} error events were {outcome}, and {TELLS_OF[outcome]} did not fire"
        for outcome, count in lost.items()
        if TELLS_OF[outcome] not in firing
    ]


def _error_events(day: Day) -> dict[str, int]:
    """Return the number of events that did not reach the error tracker, by outcome; zeros are left out."""
    window = f"{int(time.time() - day.record.began)}s"
    # A series that first appeared in the window was created by a loss, which `increase` does not count.
    born = f"min_over_time({ERROR_EVENTS}[{window}]) unless {ERROR_EVENTS} offset {window}"
    counted: Counter[str] = Counter()
    for one in (f"increase({ERROR_EVENTS}[{window}])", born):
        for row in day.asker.prometheus.query(f"sum by (outcome) ({one})"):
            counted[row.labels["outcome"]] += round(row.value)
    return dict(+counted)


def _scrapes_missed(day: Day) -> dict[str, int]:
    """Return the number of failed or missing scrapes by service; zeros are left out."""
    prometheus, now = day.asker.prometheus, time.time()
    seconds = int(now - day.record.began)
    every = {
        target["labels"]["service"]: durations.seconds(target["scrapeInterval"])
        for target in prometheus.targets()
        if target["labels"]["job"] != "optional"
    }

    def samples(function: str) -> dict[str, float]:
        found = prometheus.query(f'sum by (service) ({function}(up{{job!="optional"}}[{seconds}s]))', at=now)
        return {row.labels["service"]: row.value for row in found}

    made, answered = samples("count_over_time"), samples("sum_over_time")
    missed = {
        name: scrapes_missed(seconds, interval, made.get(name, 0), answered.get(name, 0))
        for name, interval in sorted(every.items())
    }
    return {name: count for name, count in missed.items() if count}


def scrapes_missed(seconds: float, interval: float, made: float, answered: float) -> int:
    """Return how many scrapes in a window are missing or failed.

    Scrapes are missing if Prometheus was down. A failed one has a sample of `up` too: 0.
    """
    return int(max(0, seconds // interval - made) + made - answered)
