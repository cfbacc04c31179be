"""The tour works as pasted: one payment in every store, then a small incident from its fault to its review."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from sandbox.engines import control
from sandbox.incidents import drill as drills
from sandbox.incidents import injection, record, runbook, scenario
from sandbox.incidents.record import Record
from sandbox.incidents.scenario import Scenario
from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Mailpit
from tests.support.evidence import Evidence
from tests.support.figures import Figures
from tests.support.paging import ON_CALL, broken_links, opened
from tests.support.person import Person

SECONDS = 400
GAMEDAY = re.compile(r"make gameday SCENARIO=(\S+)")


@dataclass(frozen=True)
class Tour:
    """What each command of the page printed, and when the first one began."""

    began: float
    printed: dict[str, str]


@pytest.fixture(scope="module")
def hidden(stack: Stack) -> Scenario:
    """The scenario of the tour, which comes first: on a stack without a history a fault of a few seconds can page."""
    [name] = GAMEDAY.findall((stack.root / "docs" / "tour.md").read_text(encoding="utf-8"))
    return scenario.read(name)


@pytest.fixture(scope="module")
def tour(stack: Stack) -> Tour:
    """Every command of the page, in order. Each must succeed; of the game day its record says how it went."""
    page = (stack.root / "docs" / "tour.md").read_text(encoding="utf-8")
    began, printed = time.time(), {}
    for command in re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=stack.root,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        well = done.returncode == 0 or GAMEDAY.match(command)
        assert well, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        printed[command.strip()] = done.stdout
    with Customer(stack.url("gateway")) as person:
        person.arrive()
        eventually("payments to be taken again after the incident", lambda: person.pay().status == 201, timeout=60.0)
    return Tour(began, printed)


@pytest.fixture(scope="module")
def told(tour: Tour) -> dict[str, str]:
    return tour.printed


@pytest.fixture(scope="module")
def played(stack: Stack, tour: Tour) -> Record:
    """The game day that the tour has just played, on this engine."""
    [(command, name)] = [(command, found[1]) for command in tour.printed if (found := GAMEDAY.match(command))]
    mine = [one for one in record.earlier(stack.root) if one.began >= tour.began and one.mode == "run"]
    assert [one.scenario for one in mine] == [name], tour.printed[command][-2000:]
    assert mine[0].engine == control.name(stack)
    return mine[0]


def test_one_payment_is_shown_in_every_store(told: dict[str, str], evidence: Evidence) -> None:
    """Without this a newcomer does not see what all this is for."""
    printed = told["make tour"]
    trace_id = re.search(r"X-Trace-Id: ([0-9a-f]{32})", printed)[1]

    evidence(trace_id=trace_id)
    assert f"/api/traces/{trace_id}" in printed
    assert "payments SERVER POST /payments" in printed
    assert "payment captured" in printed
    assert "exemplar of the latency histogram" in printed
    assert "RuntimeError in kit/failure.py" in printed


def test_runbook_is_printed_with_live_answers(told: dict[str, str]) -> None:
    """Without this the first minutes of an incident go into copying queries."""
    printed = told["make runbook ALERT=GatewayLatencyBudgetBurn"]

    assert "Mitigation" in printed
    assert re.search(r"→ \{http_route=/api/payments\} [\d.e-]+", printed)


def test_incident_is_simulated_from_fault_to_recovery(played: Record, evidence: Evidence, figures: Figures) -> None:
    """Without this nobody knows whether an alert comes before the customers' complaints."""
    times = {stage: round(seconds, 1) for stage in record.STAGES if (seconds := played.since_start(stage)) is not None}
    evidence(scenario=played.scenario, engine=played.engine, alert=played.expected["alert"], seconds=times)
    for stage, seconds in played.durations.items():
        figures.add(f"game day {played.scenario}: time to {stage}", "s", [seconds])
    assert [problem for problem in played.problems if not problem.endswith(record.FALSE_ALERT)] == []
    assert _false_alerts(played) == []
    assert list(times) == list(record.STAGES)
    assert times["firing"] < times["mail"] <= times["acknowledged"] <= times["mitigating"] <= times["recovered"]
    assert any(alert["verdict"] == "expected" for alert in played.alerts)
    assert played.customers["failed"] > 0


def test_incident_pages_the_team_of_the_service_and_nobody_else(
    stack: Stack, played: Record, mailbox: Mailpit, evidence: Evidence
) -> None:
    """Without this everybody is woken by everything, or a page cannot be read on a phone at night."""
    mails = [mail for mail in mailbox.messages(played.began) if mail.received_at <= played.ended]
    pages = [mail for mail in mails if mail.subject.startswith(("[PAGE]", "[ESCALATED]"))]
    evidence(pages=[f"{mail.recipients}: {mail.subject}" for mail in pages])
    assert [mail.recipients for mail in pages] == [(ON_CALL["payments"],)]
    page = opened(mailbox, pages[0])
    # The card network's refusals are failed payments and failed requests; either alert may be the first.
    fired = set(re.findall(r"make ack ALERT=(\w+) SERVICE=payments", page.text))
    assert fired & {played.expected["alert"], "PaymentsErrorBudgetBurn"}
    assert broken_links(page) == []


def test_runbook_is_followed_as_it_is_written(played: Record, evidence: Evidence) -> None:
    """Without this a runbook is a text that nobody has ever tried."""
    page = runbook.read(played.expected["runbook"])
    asked = [step["text"] for step in played.diagnosis]

    evidence(runbook=page.name, questions=len(asked), command=played.mitigation["command"])
    assert asked == [block.text for block in page.blocks("Diagnosis")]
    assert [step["text"] for step in played.diagnosis if not step["ok"]] == []
    assert played.mitigation["command"] in [block.text for block in page.blocks("Mitigation")]
    assert played.mitigation["ok"]


def test_response_is_measured_and_reviewed(stack: Stack, played: Record, evidence: Evidence) -> None:
    """Without this an incident teaches nothing, and the next one is as bad."""
    folder = record.folder_of(stack.root, played)
    review = (folder / "review.md").read_text(encoding="utf-8")

    evidence(
        review=str(folder.relative_to(stack.root)),
        durations=json.dumps(played.durations),
        customers=f"{played.customers['affected']} of {played.customers['present']}",
        budget_spent=f"{played.budget['spent']:.1%}",
        traces_lost=played.telemetry["traces_lost"],
        lines_lost=played.telemetry["lines_lost"],
    )
    assert all(seconds is not None for seconds in played.durations.values())
    assert "## Review, without blame" in review
    assert played.budget["spent"] > 0
    assert played.evidence["traces"]
    assert played.evidence["lines"]
    assert (played.telemetry["traces_lost"], played.telemetry["lines_lost"]) == (0, 0)
    assert (folder / "review.html").exists()
    assert (folder / "timeline.png").exists()


def _false_alerts(played: Record) -> list[str]:
    """Those that should not have fired. A machine that is busy with other things makes latency alerts by itself."""
    names = [alert["name"] for alert in played.alerts if alert["verdict"] == "unexpected"]
    return [name for name in names if not name.endswith("LatencyBudgetBurn")]


def test_interrupted_game_day_leaves_nothing_behind(stack: Stack, hidden: Scenario) -> None:
    """Without this Ctrl-C leaves a broken stack, and no message says why."""
    control = f"{stack.url('acquirer')}/control"

    def broken() -> bool:
        return direct.get(control, timeout=5.0).json()["outage"]

    command = [sys.executable, "-m", "sandbox", "gameday", "run", hidden.name]
    with subprocess.Popen(command, cwd=stack.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        eventually("the fault to be in force", broken, timeout=240.0, interval=0.3)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)

    assert not broken()
    assert not (stack.root / injection.NOTE).exists()


def test_drill_is_passed_by_finding_the_cause_and_repairing_it(stack: Stack, hidden: Scenario) -> None:
    """Without this nobody can practise by day what counts at night: to end it, and to know what it was."""

    def put_right() -> str:
        direct.put(f"{stack.url('acquirer')}/control", json={}, timeout=5.0).raise_for_status()
        return "done"

    answer = rf"(?s)What was it\?.*?(\d)\. {re.escape(hidden.cause)}"
    reactions = ((r"You are on call", "hint"), (re.escape(hidden.hints[0]), put_right), (answer, r"\1"))
    with Person(*reactions) as person:
        day = drills.play(stack, hidden, person.hears, person.keyboard)
    day.resources.close()
    before = "\n".join(person.said).partition("What was it?")[0]

    assert hidden.hints[0] in before
    assert hidden.cause not in before
    assert hidden.title not in before
    assert day.record.problems == []
    assert day.record.drill["found"]
    assert "recovered" in day.record.times
    assert day.record.drill["score"] >= 70
