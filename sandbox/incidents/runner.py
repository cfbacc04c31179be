"""Runs a game day unattended: load, fault, detection, page, acknowledgement, mitigation, recovery.

The fault is always removed.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from sandbox.alerting.ack import AckError, acknowledge, withdraw
from sandbox.engines import control
from sandbox.incidents import objectives, runbook
from sandbox.incidents.ask import Asker
from sandbox.incidents.faults import make
from sandbox.incidents.injection import inject, undone
from sandbox.incidents.record import Record
from sandbox.incidents.scenario import Scenario
from sandbox.incidents.watch import Watch
from sandbox.model.errors import StackError
from sandbox.model.stack import Stack
from sandbox.traffic.crowd import Crowd
from sandbox_testing.stores import Mailpit

__all__ = ["WINDOW", "Day", "Report", "begin", "healthy", "run"]

BASELINE_SECONDS = 6.0
CALM_SECONDS = 90.0
MAIL_SECONDS = 60.0
# Spans can be found a second after they ended; rates need two scrapes.
SHOWS_SECONDS = 15.0
WHO = "gameday"
# The shortest window with enough scrapes (one in five seconds) that a late one does not change the result.
WINDOW = "20s"
Report = Callable[[str], None]


@dataclass
class Day:
    """The resources of a run."""

    stack: Stack
    scenario: Scenario
    record: Record
    asker: Asker
    watch: Watch
    crowd: Crowd
    report: Report
    resources: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of(cls, stack: Stack, scenario: Scenario, mode: str, report: Report) -> "Day":
        """Create a day that has not started."""
        record = Record(
            scenario.name, scenario.title, scenario.kind, scenario.story, control.name(stack), mode, time.time()
        )
        record.expected = {
            "alert": scenario.alert,
            "may": list(scenario.may),
            "runbook": scenario.runbook,
            "objective": " and ".join(one for one in (scenario.sli, scenario.recovered) if one),
            "detect_seconds": scenario.detect_seconds,
            "recover_seconds": scenario.recover_seconds,
        }
        record.addresses = {"tempo": stack.url("tempo")}
        asker, mailbox = Asker(stack), Mailpit(stack.url("mailpit"))
        day = cls(
            stack, scenario, record, asker, Watch(asker, mailbox), Crowd(stack.url("gateway"), scenario.load), report
        )
        day.resources.enter_context(asker)
        day.resources.callback(mailbox.close)
        return day

    def mark(self, stage: str, told: str = "") -> None:
        """Record that a stage is reached now."""
        self.record.times[stage] = time.time()
        self.report(f"{self.record.times[stage] - self.record.began:6.1f} s  {told or stage}")

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Release all resources, and the acknowledgement, if the block raises. Otherwise the caller does so."""
        try:
            yield
        except BaseException:
            self.resources.close()
            raise

    @property
    def healthy(self) -> str:
        """PromQL that has a result exactly while the scenario's objective holds."""
        return healthy(self.scenario)


def healthy(scenario: Scenario) -> str:
    """Return PromQL that has a result exactly while the scenario's objective holds."""
    objective = objectives.read(scenario.sli).holds(WINDOW) if scenario.sli else ""
    if objective and scenario.recovered:
        return f"({objective}) and on () ({scenario.recovered})"
    return objective or scenario.recovered


def run(stack: Stack, scenario: Scenario, report: Report) -> Day:
    """Run a scenario to its end.

    Raises StackError if it cannot start; later errors are added to the record. The caller closes the day's resources.
    """
    day = Day.of(stack, scenario, "run", report)
    fault = make(stack, **scenario.fault)
    with day.closed_on_error(), day.crowd.present():
        with undone(fault, stack, scenario.name):
            begin(day)
            day.record.expected["injecting"] = time.time()
            report(f"{time.time() - day.record.began:6.1f} s  injecting: {scenario.title.lower()}")
            inject(fault)
            day.mark("injected", "the fault is in force")
            _detect(day)
            _respond(day)
            _verify(day)
        _end(day)
    return day


def begin(day: Day, *, quiet: bool = False) -> None:
    """Wait until the stack is healthy. Raises StackError if it does not become so.

    With `quiet`, the name of the scenario is not printed.
    """
    if not day.watch.answers():
        raise StackError("Prometheus does not answer.", "`make up` starts it; `make status` shows what runs.")
    if not day.watch.calm(CALM_SECONDS):
        # Pages that were firing before are noted in the review and do not affect the result.
        pages = {one["labels"]["alertname"] for one in day.watch.active() if one["labels"].get("severity") == "page"}
        if day.scenario.alert in pages:
            raise StackError(f"{day.scenario.alert} fires already.", "Put that right first; `make status` may help.")
    day.record.began = time.time()
    if not quiet:
        day.report(f"{day.scenario.name}: {day.crowd.size} customers are shopping")
    if not day.watch.holds(day.healthy, timeout=90.0, steady=BASELINE_SECONDS):
        raise StackError("The objective does not hold before anything was broken.", f"Look at: {day.healthy}")


def _detect(day: Day) -> None:
    scenario, record = day.scenario, day.record
    if scenario.told_by == "alert":
        if not day.watch.fires(scenario.alert, scenario.service, record.began, scenario.detect_seconds):
            record.problems.append(f"{scenario.alert} did not fire within {scenario.detect_seconds:.0f} s")
            return
        day.mark("firing", f"{scenario.alert} fires")
    mail = day.watch.page(scenario.alert, record.began, MAIL_SECONDS)
    if mail is None:
        record.problems.append(f"no mail of {scenario.alert} within {MAIL_SECONDS:.0f} s")
        return
    day.mark("mail", f"mail to {', '.join(mail.recipients)}: {mail.subject}")


def _respond(day: Day) -> None:
    scenario, record, page = day.scenario, day.record, runbook.read(day.scenario.runbook)
    if "firing" in record.times:
        try:
            acknowledge(day.stack.url("alertmanager"), scenario.alert, service=scenario.service, by=WHO, hold="30m")
            day.resources.callback(_withdraw, day)
            day.mark("acknowledged", "acknowledged")
        except AckError as error:
            record.problems.append(f"it could not be acknowledged: {error}")
    _diagnose(day, page)
    block = page.block("Mitigation", scenario.mitigation)
    day.mark("mitigating", f"runbooks/{page.name}.md: {block.text.splitlines()[-1]}")
    answer = day.asker.ask(block)
    day.mark("mitigated", "the mitigation is done" if answer.ok else "the mitigation failed")
    record.mitigation = {"command": block.text, "lead": block.lead, "ok": answer.ok, "output": list(answer.rows[-8:])}
    if not answer.ok:
        record.problems.append(f"`{scenario.mitigation}` failed: {' '.join(answer.rows[-2:])}")


def _diagnose(day: Day, page: runbook.Runbook) -> None:
    """Run every query of the runbook.

    The query that must show the fault is repeated until it does, for a limited time.
    """
    scenario, record = day.scenario, day.record
    telling = page.block("Diagnosis", scenario.shows) if scenario.shows else None
    for block in page.blocks("Diagnosis"):
        until = time.monotonic() + (SHOWS_SECONDS if block == telling else 0.0)
        answer = day.asker.ask(block)
        while not (answer.ok and answer.rows) and time.monotonic() < until:
            time.sleep(0.5)
            answer = day.asker.ask(block)
        shown = {"language": block.language, "lead": block.lead, "text": block.text}
        record.diagnosis.append({**shown, "ok": answer.ok, "rows": list(answer.rows[:5]), "count": len(answer.rows)})
        if block == telling and not (answer.ok and answer.rows):
            record.problems.append(f"the diagnosis `{scenario.shows}` does not show the fault")


def _verify(day: Day) -> None:
    scenario, record = day.scenario, day.record
    if day.watch.holds(day.healthy, scenario.recover_seconds):
        day.mark("recovered", "the objective holds again")
    else:
        record.problems.append(f"the objective did not hold within {scenario.recover_seconds:.0f} s of the mitigation")


def _withdraw(day: Day) -> None:
    try:
        withdraw(day.stack.url("alertmanager"), day.scenario.alert)
    except AckError as error:
        day.report(f"the acknowledgement could not be withdrawn: {error}")


def _end(day: Day) -> None:
    day.record.ended = time.time()
    day.report(f"{day.record.ended - day.record.began:6.1f} s  undone; collecting what the stores have")
