"""The review of a real incident, from the stores' data of a time range."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx

from sandbox.incidents import collect
from sandbox.incidents.runner import Day, Report, healthy
from sandbox.incidents.scenario import Scenario
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack
from sandbox_testing import direct

__all__ = ["moment", "reconstruct"]

# The gateway serves all customer requests.
OBJECTIVE = "gateway/availability"
STORY = "A real incident: everything below is what the stores have kept of it. Who did what, people must add."
LONGEST_HOURS = 12


def moment(text: str) -> float:
    """Convert `2026-11-24T21:56` (UTC by default), or `21:56` (its last occurrence), to seconds since the epoch."""
    with suppress(ValueError):
        if "-" in text:
            found = datetime.fromisoformat(text)
            return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
        at, now = datetime.strptime(text, "%H:%M").time(), datetime.now(UTC)
        today = datetime.combine(now, at, UTC).timestamp()
        return today if today <= now.timestamp() else today - 24 * 3600
    raise StackError(f"{text!r} is no time.", "Write 21:56, or 2026-11-24T21:56 (UTC).")


def reconstruct(stack: Stack, start: float, end: float, report: Report) -> Day:
    """Reconstruct an incident between two times. The caller closes the day's resources.

    Raises StackError for an invalid time range, or if no alert fired in it.
    """
    if not start < end <= time.time() + 60 or end - start > LONGEST_HOURS * 3600:
        raise StackError(
            "That is no time of an incident.", f"Say --from and --to, at most {LONGEST_HOURS} hours apart."
        )
    day = Day.of(stack, _scenario(""), "incident", report)
    with day.closed_on_error():
        if not day.watch.answers():
            raise StackError("Prometheus does not answer.", "`make up` starts it; `make status` shows what runs.")
        day.record.began, day.record.ended, day.record.expected["injecting"] = start, end, start
        fired = [alert for alert in collect.alerts(day) if start <= alert.get("firing", 0.0)]
        if not fired:
            raise StackError("No alert began to fire in that time.", "Begin earlier, or look at the dashboards.")
        first = min(fired, key=lambda alert: (alert["severity"] != "page", alert["firing"]))["name"]
        day.scenario = _scenario(first)
        day.record.title, day.record.expected["alert"] = day.scenario.title, first
        day.record.expected["runbook"] = first
        collect.collect(day, collect.OF_STORES)
        day.record.times |= _acknowledged(day) | _recovered(day)
    return day


def _scenario(alert: str) -> Scenario:
    return Scenario(
        name="incident",
        title=f"Incident: {alert}",
        kind="real",
        story=STORY,
        fault={},
        alert=alert,
        runbook=alert,
        mitigation="",
        cause="",
        wrong=(),
        hints=(),
        sli=OBJECTIVE,
        load=0,
    )


def _acknowledged(day: Day) -> dict[str, float]:
    """Return the time of the first acknowledgement, from the silence that `make ack` creates."""
    silences: list[dict[str, Any]] = []
    with suppress(httpx.HTTPError):
        silences = direct.get(f"{day.stack.url('alertmanager')}/api/v2/silences", timeout=10.0).json()
    taken = [
        datetime.fromisoformat(one["startsAt"]).timestamp()
        for one in silences
        if one["comment"].startswith("Acknowledged by")
        and {"alertname": day.scenario.alert}.items() <= {m["name"]: m["value"] for m in one["matchers"]}.items()
    ]
    within = [stamp for stamp in taken if day.record.began <= stamp <= day.record.ended]
    return {"acknowledged": min(within)} if within else {}


def _recovered(day: Day) -> dict[str, float]:
    """Return the time from which the objective held until the end, if it did not hold before."""
    record = day.record
    series = day.asker.prometheus.query_range(healthy(day.scenario), record.began, record.ended, collect.STEP_SECONDS)
    good = {round((float(stamp) - record.began) / collect.STEP_SECONDS) for row in series for stamp, _ in row["values"]}
    last = int((record.ended - record.began) / collect.STEP_SECONDS)
    bad = [step for step in range(last + 1) if step not in good]
    if not bad or bad[-1] == last:
        return {}
    return {"recovered": record.began + (bad[-1] + 1) * collect.STEP_SECONDS}
