"""One game day, unattended: load, a fault, detection, page, acknowledgement, mitigation, recovery; always undone."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from alerting.ack import AckError, acknowledge, withdraw
from gameday import objectives, runbook
from gameday.ask import Asker
from gameday.faults import in_force, make
from gameday.load import Crowd
from gameday.record import Record
from gameday.scenario import Scenario
from gameday.watch import Watch
from sandbox_testing.stores import Mailpit
from stack.errors import StackError
from tests.support import engine
from tests.support.stack import Stack

__all__ = ["WINDOW", "Day", "Report", "begin", "run"]

BASELINE_SECONDS = 6.0
CALM_SECONDS = 90.0
MAIL_SECONDS = 60.0
WHO = "gameday"
# The shortest window that holds enough scrapes (one in five seconds) not to be decided by a late one.
WINDOW = "20s"
Report = Callable[[str], None]


@dataclass
class Day:
    """What a run works with."""

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
        """A day that has not begun."""
        record = Record(
            scenario.name, scenario.title, scenario.kind, scenario.story, engine.name(stack), mode, time.time()
        )
        record.expected = {
            "alert": scenario.alert,
            "may": list(scenario.may),
            "runbook": scenario.runbook,
            "objective": scenario.sli or scenario.recovered,
            "detect_seconds": scenario.detect_seconds,
            "recover_seconds": scenario.recover_seconds,
        }
        asker, mailbox = Asker(stack), Mailpit(stack.url("mailpit"))
        day = cls(
            stack, scenario, record, asker, Watch(asker, mailbox), Crowd(stack.url("gateway"), scenario.load), report
        )
        day.resources.enter_context(asker)
        day.resources.callback(mailbox.close)
        return day

    def mark(self, stage: str, told: str = "") -> None:
        """Note that a stage is reached now."""
        self.record.times[stage] = time.time()
        self.report(f"{self.record.times[stage] - self.record.began:6.1f} s  {told or stage}")

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Give everything back, the acknowledgement too, when the block does not end well; else the caller does."""
        try:
            yield
        except BaseException:
            self.resources.close()
            raise

    @property
    def healthy(self) -> str:
        """The PromQL expression that says whether all is well."""
        scenario = self.scenario
        return objectives.read(scenario.sli).holds(WINDOW) if scenario.sli else scenario.recovered


def run(stack: Stack, scenario: Scenario, report: Report) -> Day:
    """Play a scenario to its end. Raises StackError when it cannot begin; whatever happens later is in the record.

    The caller closes the day's resources.
    """
    day = Day.of(stack, scenario, "run", report)
    with day.closed_on_error(), day.crowd.present():
        begin(day)
        fault = make(stack, **scenario.fault)
        day.record.expected["injecting"] = time.time()
        report(f"{time.time() - day.record.began:6.1f} s  injecting: {scenario.title.lower()}")
        with in_force(fault, stack, scenario.name):
            day.mark("injected", "the fault is in force")
            _detect(day)
            _respond(day)
            _verify(day)
        _end(day)
    return day


def begin(day: Day, *, quiet: bool = False) -> None:
    """Wait until all is well. Raises StackError when it is not; `quiet` does not tell which scenario begins."""
    if missing := [one for one in day.scenario.needs if not day.asker.prometheus.query(f'up{{service="{one}"}} == 1')]:
        raise StackError(f"{day.scenario.name} needs {', '.join(missing)}.", "`make up` starts it.")
    if not day.watch.calm(CALM_SECONDS):
        # Another page of before is noted in the review, and judged nowhere.
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
    for block in page.blocks("Diagnosis"):
        answer = day.asker.ask(block)
        shown = {"language": block.language, "lead": block.lead, "text": block.text}
        record.diagnosis.append({**shown, "ok": answer.ok, "rows": list(answer.rows[:5]), "count": len(answer.rows)})
    block = page.mitigation(scenario.mitigation)
    day.mark("mitigating", f"runbooks/{page.name}.md: {block.text.splitlines()[-1]}")
    answer = day.asker.ask(block)
    day.mark("mitigated", "the mitigation is done" if answer.ok else "the mitigation failed")
    record.mitigation = {"command": block.text, "lead": block.lead, "ok": answer.ok, "output": list(answer.rows[-8:])}
    if not answer.ok:
        record.problems.append(f"`{scenario.mitigation}` failed: {' '.join(answer.rows[-2:])}")


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
