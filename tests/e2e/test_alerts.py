"""From a fault to a mail in the right inbox, and back: what must fire fires, what must not does not, and it ends."""

import os
from collections.abc import Callable

import httpx
import pytest

from sandbox.model.stack import Stack
from sandbox_testing import Mailpit, Prometheus, direct, eventually
from tests.support.evidence import Evidence
from tests.support.figures import Figures
from tests.support.paging import DRILLS, PARTS, Course, Drill, broken_links, opened, run
from tests.support.promql import absent_metrics

# One alert to its mail, on both engines: a component is stopped. The tour's game day (test_tour.py) does the same with
# an outage of the card network, and `make figures` plays all six, which takes six minutes.
CHOSEN = [name for name in os.environ.get("DRILLS", "store-down").split(",") if name]
ENGINES_DRILL = pytest.mark.engine("an alert to its mail")


@pytest.mark.engine("network and names")
def test_alert_that_always_fires_reaches_alertmanager(
    stack: Stack, wait_for_alert: Callable, evidence: Evidence
) -> None:
    """Without this a real alert would end in silence, and the silence would look like health."""
    fired = wait_for_alert("Watchdog", timeout=30)
    url, query = f"{stack.url('alertmanager')}/api/v2/alerts", {"filter": 'alertname="Watchdog"', "active": "true"}

    def known() -> list[dict]:
        return direct.get(url, params=query, timeout=5.0).raise_for_status().json()

    [alert] = eventually("the Watchdog in Alertmanager", known)
    evidence(alert="Watchdog", active_since=fired["activeAt"], receivers=[one["name"] for one in alert["receivers"]])
    assert [one["name"] for one in alert["receivers"]] == ["heartbeat"]


@pytest.mark.engine("network and names")
def test_heartbeat_hears_that_alerting_lives(stack: Stack, evidence: Evidence) -> None:
    """Without this nobody notices that Prometheus or Alertmanager is dead: a dead one says nothing."""

    def page() -> str:
        return direct.get(f"{stack.url('heartbeat')}/metrics", timeout=5.0).raise_for_status().text

    heard = eventually(
        "a heartbeat", page, lambda text: "heartbeat_silent 0.0" in text and "timestamp_seconds 1." in text
    )
    evidence(heartbeat=heard.splitlines()[-1])


@pytest.fixture(scope="module", params=[pytest.param(name, marks=ENGINES_DRILL) for name in CHOSEN])
def drill(
    request: pytest.FixtureRequest, stack: Stack, prometheus: Prometheus, mailbox: Mailpit, figures: Figures
) -> tuple[Drill, Course]:
    """One fault put in, seen through to the news that it is over."""
    chosen = DRILLS[request.param]
    course = run(chosen, stack, prometheus, mailbox)
    for part in PARTS:
        figures.add(f"drill: {chosen.fault}: {part}", "s", [getattr(course, part)])
    return chosen, course


def test_fault_pages_its_owner(drill: tuple[Drill, Course], evidence: Evidence) -> None:
    """Without this the first to tell us of an outage is a customer."""
    chosen, course = drill
    evidence(fault=chosen.fault, alert=chosen.alert, mailbox=chosen.mailbox, subject=course.page.subject)
    evidence(fired=f"{course.fired:.1f} s", inbox=f"{course.inbox:.1f} s", resolved=f"{course.resolved:.1f} s")
    assert course.page.recipients == (chosen.mailbox,)
    assert course.over.subject.startswith("[RESOLVED]")


def test_fault_wakes_nobody_whose_fault_it_is_not(drill: tuple[Drill, Course], evidence: Evidence) -> None:
    """Without this everybody is woken by everything, and soon nobody gets up."""
    chosen, course = drill
    woken = [one for one in course.others if one.subject.startswith(("[PAGE]", "[ESCALATED]"))]
    evidence(fired=sorted(course.fired_names), other_pages=[f"{one.recipients}: {one.subject}" for one in woken])
    assert chosen.alert in course.fired_names
    assert course.fired_names & set(chosen.quiet) == set()
    assert [(one.recipients, one.subject) for one in woken] == []


def test_page_can_be_read_and_every_link_in_it_leads_somewhere(
    drill: tuple[Drill, Course], stack: Stack, mailbox: Mailpit, evidence: Evidence
) -> None:
    """Without this somebody stands at night with a phone and a dead link."""
    chosen, course = drill
    mail = opened(mailbox, course.page)
    evidence(subject=course.page.subject, links=mail.links)
    for text in (mail.text, mail.html):
        assert chosen.alert in text
        assert f"make ack ALERT={chosen.alert} SERVICE={chosen.service}" in text
        assert "no value" not in text
        assert "<error" not in text
    assert "width=device-width" in mail.html
    assert any(link.endswith(f"/user/{chosen.alert}.md") for link in mail.links)
    # Where there is no Grafana, the mail says so instead of linking to it.
    assert any("/d/" in link for link in mail.links) == _answers(stack.url("grafana"))
    assert ("no Grafana" in mail.text) != _answers(stack.url("grafana"))
    assert broken_links(mail) == []


def _answers(url: str) -> bool:
    try:
        direct.get(url, timeout=5.0)
    except httpx.TransportError:
        return False
    return True


def test_every_metric_that_a_rule_asks_for_exists(prometheus: Prometheus, evidence: Evidence) -> None:
    """Without this a rule with a misspelt name never fires, and its silence looks like health."""
    groups = prometheus.get("/api/v1/rules")["data"]["groups"]
    queries = {rule["name"]: rule["query"] for one in groups for rule in one["rules"]}
    # On a stack just started: what rules record of what others record, every 30 s.
    asked, absent = eventually(
        "every metric that a rule asks for in Prometheus",
        lambda: absent_metrics(prometheus, queries),
        lambda found: found[1] == {},
        timeout=90.0,
    )
    evidence(metrics=asked)
    assert asked > 30
    assert absent == {}
