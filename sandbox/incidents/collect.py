"""Collects the facts of a finished game day from the stores, not from the runner's own observations."""

import json
from collections import Counter
from collections.abc import Callable, Container
from contextlib import suppress
from itertools import islice
from typing import Any

import httpx

from sandbox.incidents import losses, objectives
from sandbox.incidents.ask import OF_TRACKER
from sandbox.incidents.record import FALSE_ALERT
from sandbox.incidents.runner import WINDOW, Day
from sandbox_testing.stores import Mailpit

__all__ = ["OF_STORES", "STEP_SECONDS", "alerts", "collect"]

STEP_SECONDS = 5.0
SHOWN = 5
_COUNT = 'rate(http_server_request_duration_seconds_count{service="gateway"}[20s])'
_BUCKET = 'rate(http_server_request_duration_seconds_bucket{service="gateway"}[20s])'
STATUS = f'sum by (status) (label_replace({_COUNT}, "status", "${{1}}xx", "http_response_status_code", "(.).."))'
SLOW = f"histogram_quantile(0.95, sum by (le) ({_BUCKET}))"


def collect(day: Day, wanted: Container[str] | None = None) -> None:
    """Complete the record, or only the parts in `wanted`.

    Every store is up again by now. Data that a store does not return is left out, with a note.
    """
    record = day.record
    for what, step in STEPS.items():
        if wanted is not None and what not in wanted:
            continue
        try:
            step(day)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            record.problems.append(f"{what} could not be collected: {type(error).__name__}: {error}")
    record.times = dict(sorted(record.times.items(), key=lambda item: item[1]))


def _first_bad(day: Day) -> None:
    if not day.scenario.bad:
        return
    lines = day.asker.loki.lines(day.scenario.bad, day.record.began, day.record.ended)
    if lines:
        day.record.times["first_bad"] = lines[0].timestamp / 1e9


def alerts(day: Day) -> list[dict[str, Any]]:
    """Return every alert of the time range, with when it was first pending and first firing."""
    record = day.record
    window = int(record.ended - record.began) + 10
    series = day.asker.prometheus.get("/api/v1/query", query=f"ALERTS[{window}s]", time=record.ended)["data"]["result"]
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in series:
        labels, stamps = row["metric"], [float(stamp) for stamp, _ in row["values"]]
        key = (labels["alertname"], labels.get("service", ""), labels.get("severity", ""))
        alert = found.setdefault(key, dict(zip(("name", "service", "severity"), key, strict=True)))
        alert[labels["alertstate"]] = min(stamps[0], alert.get(labels["alertstate"], stamps[0]))
        alert["last"] = max(stamps[-1], alert.get("last", 0.0))
    news = day.asker.news(day.scenario.alert, record.began) if day.scenario.alert in OF_TRACKER else []
    return [alert for alert in found.values() if alert["severity"] != "none"] + news


def _alerts(day: Day) -> None:
    record, found = day.record, alerts(day)
    for alert in found:
        first = min(alert.get("pending", alert["last"]), alert.get("firing", alert["last"]))
        alert["verdict"] = _verdict(day, alert, first)
    record.alerts = sorted(found, key=lambda alert: alert.get("firing", alert["last"]))
    told = [alert for alert in record.alerts if alert["verdict"] == "expected" and "firing" in alert]
    if told:
        record.times["firing"] = told[0]["firing"]
        record.times["pending"] = min(told[0].get("pending", told[0]["firing"]), told[0]["firing"])
    for alert in record.alerts:
        # In a drill, an unexpected alert may result from what the person does.
        if alert["verdict"] == "unexpected" and record.mode == "run":
            record.problems.append(f"{alert['name']} ({alert['service']}) {FALSE_ALERT}")


def _verdict(day: Day, alert: dict[str, Any], first: float) -> str:
    scenario = day.scenario
    if first < day.record.expected["injecting"]:
        return "from before"
    if "firing" not in alert:
        return "only pending"
    if alert["name"] == scenario.alert and scenario.service in ("", alert["service"]):
        return "expected"
    if day.record.mode == "incident":
        return "fired as well"
    return "declared" if alert["name"] in (scenario.alert, *scenario.may) else "unexpected"


def _mails(day: Day) -> None:
    mailbox = Mailpit(day.stack.url("mailpit"))
    try:
        found = mailbox.messages(day.record.began)
    finally:
        mailbox.close()
    day.record.mails = [
        {"at": one.received_at, "subject": one.subject, "to": list(one.recipients)}
        for one in reversed(found)
        if one.received_at <= day.record.ended + STEP_SECONDS
    ]


def _recovery(day: Day) -> None:
    """Correct the time of recovery to that from which the objective held, according to Prometheus's samples."""
    record = day.record
    if "recovered" not in record.times:
        return
    start, end = record.times["mitigating"], record.times["recovered"]
    series = day.asker.prometheus.query_range(day.healthy, start, end, 1.0)
    good = {round(float(stamp)) for row in series for stamp, _ in row["values"]}
    moment = round(end)
    while moment - 1 in good and moment - 1 >= start:
        moment -= 1
    record.times["recovered"] = max(float(moment), record.times["mitigating"])


def _customers(day: Day) -> None:
    record, crowd = day.record, day.crowd
    hurt = crowd.hurt(record.began)
    steps = Counter(f"{visit.what}: {visit.status or 'no answer'}" for visit in hurt)
    record.customers = {
        "present": crowd.size,
        "affected": len({visit.customer for visit in hurt}),
        "requests": sum(visit.sent_at >= record.began for visit in crowd.visits),
        "failed": len(hurt),
        "failures": dict(steps.most_common(SHOWN)),
        "slowest_seconds": round(max((visit.seconds for visit in crowd.visits), default=0.0), 2),
    }


def _budget(day: Day) -> None:
    record = day.record
    if not day.scenario.sli:
        return
    objective = objectives.read(day.scenario.sli)
    bad, total = (_sum(day, query) for query in (objective.bad(WINDOW), objective.total(WINDOW)))
    seconds = max(1.0, record.ended - record.began)
    allowed = (1 - objective.target) * total / seconds * objectives.PERIOD_SECONDS
    record.budget = {
        "objective": f"{objective.name}: {objective.target:.2%} {objective.description}",
        "bad": round(bad, 1),
        "total": round(total, 1),
        "spent": round(bad / allowed, 4) if allowed else 0.0,
        "period_hours": objectives.PERIOD_SECONDS / 3600,
    }


def _sum(day: Day, rate: str) -> float:
    """Return the number of events during the run, from their rate."""
    series = day.asker.prometheus.query_range(rate, day.record.began, day.record.ended, STEP_SECONDS)
    return sum(float(value) * STEP_SECONDS for row in series for _, value in row["values"] if value != "NaN")


def _evidence(day: Day) -> None:
    record = day.record
    traces = [visit.trace_id for visit in day.crowd.hurt(record.began) if visit.trace_id]
    if day.scenario.bad:
        lines = day.asker.loki.lines(day.scenario.bad, record.began, record.ended)
        traces += [line.fields["traceId"] for line in lines[:SHOWN] if line.fields.get("traceId")]
    kept = list(islice((one for one in dict.fromkeys(traces) if day.asker.tempo.raw(one)), SHOWN))
    errors = day.asker.loki.lines('{service_name=~".+"} | severity_text=~"ERROR|WARN.*"', record.began, record.ended)
    first: dict[tuple[object, ...], dict[str, object]] = {}
    for line in errors:
        with suppress(ValueError):
            fields = line.fields
            key = (fields.get("service"), fields.get("event"), fields.get("error_type"))
            first.setdefault(
                key, {name: value for name, value in fields.items() if name not in ("stack_trace", "spanId")}
            )
    record.evidence = {"traces": kept, "lines": [json.dumps(one) for one in list(first.values())[: 2 * SHOWN]]}


def _plots(day: Day) -> None:
    record = day.record
    start, end = record.began - 15, record.ended + 5
    queries = {"requests": STATUS, "p95": SLOW}
    if day.scenario.sli:
        queries["bad"] = objectives.read(day.scenario.sli).ratio(WINDOW)
    record.plots = {
        name: [
            {
                "label": row["metric"].get("status", ""),
                "points": [[float(stamp), float(value)] for stamp, value in row["values"] if value != "NaN"],
            }
            for row in day.asker.prometheus.query_range(query, start, end, 1.0)
        ]
        for name, query in queries.items()
    }


STEPS: dict[str, Callable[[Day], None]] = {
    "the first bad request": _first_bad,
    "the alerts": _alerts,
    "the mails": _mails,
    "the objective": _recovery,
    "customers": _customers,
    "the error budget": _budget,
    "evidence": _evidence,
    "telemetry": losses.telemetry,
    "plots": _plots,
}
# The parts that need neither simulated customers nor notes of the actions taken.
OF_STORES = {"the first bad request", "the alerts", "the mails", "the error budget", "evidence", "plots"}
