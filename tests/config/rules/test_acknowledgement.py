"""A page goes to the on-call person, then to the secondary, then to the commander, until one acknowledges it."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.alerting import ack
from sandbox_testing import direct, eventually
from tests.config.rules.paging import COMMANDER, ON_CALL, PAGE, PATIENCE, SECOND, Desk, until


def test_page_that_nobody_acknowledges_reaches_the_second_and_then_the_commander(office: Desk) -> None:
    office.fire(PAGE)
    until(office, ("[ESCALATED]", COMMANDER))
    assert office.mails() == [("[PAGE]", ON_CALL), ("[ESCALATED]", SECOND), ("[ESCALATED]", COMMANDER)]
    office.fire(PAGE, ended=True)
    until(office, *(("[RESOLVED]", mailbox) for mailbox in (ON_CALL, SECOND, COMMANDER)))


def test_page_that_comes_back_leaves_as_much_time_to_acknowledge_it_as_the_first(office: Desk) -> None:
    def dispatcher(what: str) -> float:
        lines = direct.get(f"{office.alertmanager.url}/metrics", timeout=5.0).text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"alertmanager_dispatcher_{what} "))

    office.fire(PAGE)
    until(office, ("[ESCALATED]", COMMANDER))
    # Prometheus goes on telling that it has ended.
    for _ in range(2):
        heard = dispatcher("alert_processing_duration_seconds_count")
        office.fire(PAGE, since=60.0, ended=True)
        eventually("it to be heard", lambda: dispatcher("alert_processing_duration_seconds_count"), heard.__lt__)
        until(office, *(("[RESOLVED]", mailbox) for mailbox in (ON_CALL, SECOND, COMMANDER)))
        eventually("its groups to be forgotten", lambda: dispatcher("aggregation_groups"), (0.0).__eq__)
    office.mailbox.delete(*office.mailbox.messages())
    again = time.time()
    office.fire(PAGE)
    until(office, ("[ESCALATED]", COMMANDER))
    assert office.mails() == [("[PAGE]", ON_CALL), ("[ESCALATED]", SECOND), ("[ESCALATED]", COMMANDER)]
    waited = {to: one.received_at - again for one in office.mailbox.messages() for to in one.recipients}
    assert waited[SECOND] >= 2.0
    assert waited[COMMANDER] >= 4.0


def test_acknowledged_page_is_not_escalated_until_the_acknowledgement_is_withdrawn(office: Desk) -> None:
    url = office.alertmanager.url
    office.fire(PAGE)
    until(office, ("[PAGE]", ON_CALL))
    said = ack.acknowledge(url, PAGE["alertname"], by="ada", hold="30m")
    assert "PaymentSuccessBudgetBurn (payments) is acknowledged by ada" in said
    # A page of another team, sent afterwards, has been through all its steps: ours would have been as well.
    other = {**PAGE, "team": "edge", "service": "gateway", "alertname": "NoTraffic"}
    office.fire(other)
    until(office, ("[ESCALATED]", COMMANDER))
    assert [mailbox for _, mailbox in office.mails() if "payments" in mailbox] == [ON_CALL]
    ack.withdraw(url, PAGE["alertname"])
    until(office, ("[ESCALATED]", SECOND))
    with pytest.raises(ack.AckError, match="is not acknowledged"):
        ack.withdraw(url, PAGE["alertname"])


def test_acknowledging_leaves_a_second_service_to_page_its_own_people(office: Desk) -> None:
    """Its outage is not known to anybody yet, whether it fires already or begins to later."""
    down = {"alertname": "TargetDown", "severity": "page"}
    first, second, third = (
        {**down, "team": team, "service": service}
        for team, service in (("payments", "payments"), ("identity", "auth"), ("platform", "loki"))
    )
    office.fire(first, second)
    until(office, ("[PAGE]", ON_CALL), ("[PAGE]", "identity-oncall@sandbox.test"))
    said = ack.acknowledge(office.alertmanager.url, "TargetDown", service="payments", by="ada")
    assert "TargetDown (payments) is acknowledged by ada" in said
    said = ack.acknowledge(office.alertmanager.url, "TargetDown", by="bob")
    assert "TargetDown (auth) is acknowledged by bob" in said
    office.fire(third)
    until(office, ("[PAGE]", "platform-oncall@sandbox.test"), ("[ESCALATED]", "platform-secondary@sandbox.test"))
    assert [one for one in office.mails() if one[0] == "[ESCALATED]"] == [
        ("[ESCALATED]", "platform-secondary@sandbox.test")
    ]


def test_list_of_pages_says_who_has_each_until_when_and_what_else_is_silenced(office: Desk) -> None:
    url = office.alertmanager.url
    assert ack.overview(url) == "No page fires."
    burning = {**PAGE, "team": "edge", "service": "gateway", "alertname": "GatewayErrorBudgetBurn"}
    down = {"alertname": "TargetDown", "severity": "page", "team": "platform", "service": "loki"}
    office.fire(PAGE, burning, down, {**down, "service": "tempo"}, {**PAGE, "severity": "ticket"})
    eventually("all of them", lambda: ack.overview(url), lambda text: text.count("\n") == 3, timeout=PATIENCE)
    said = ack.acknowledge(url, "TargetDown", service="loki", by="ada", hold="30m")
    end = said.partition(" until ")[2][:5]
    assert end in {f"{datetime.now(UTC) + timedelta(minutes=30, seconds=ago):%H:%M}" for ago in (0, -5)}
    lines = eventually("the silence", lambda: ack.overview(url), lambda text: "ada" in text).splitlines()
    assert lines == [
        "GatewayErrorBudgetBurn (gateway): inhibited, another alert explains it",
        "PaymentSuccessBudgetBurn (payments): not acknowledged. "
        "To acknowledge it: make ack ALERT=PaymentSuccessBudgetBurn SERVICE=payments",
        f"TargetDown (loki): acknowledged by ada until {end} UTC",
        "TargetDown (tempo): not acknowledged. To acknowledge it: make ack ALERT=TargetDown SERVICE=tempo",
    ]
    office.fire(PAGE, burning, down, {**down, "service": "tempo"}, ended=True)
    eventually(
        "the end of all",
        lambda: ack.overview(url),
        f"No page fires.\nSilenced, and no page: alertname=TargetDown, service=loki, by ada until {end} UTC".__eq__,
    )


def test_acknowledging_what_does_not_fire_says_what_does(office: Desk) -> None:
    url = office.alertmanager.url
    with pytest.raises(ack.AckError, match="Firing now: nothing"):
        ack.acknowledge(url, "TargetDown")
    office.fire(PAGE)
    with pytest.raises(ack.AckError, match=r"Firing now: PaymentSuccessBudgetBurn \(payments\)"):
        ack.acknowledge(url, "TargetDown")
    with pytest.raises(ack.AckError, match="write 30m or 2h"):
        ack.acknowledge(url, PAGE["alertname"], hold="long")
    with pytest.raises(ack.AckError, match="does not answer"):
        ack.acknowledge("http://127.0.0.1:9", "TargetDown")
