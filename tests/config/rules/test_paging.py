"""Which mails Alertmanager sends for an alert, and what they contain; the mails about alerting that has stopped."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from sandbox.alerting.contacts import read_contacts
from sandbox.alerting.routes import page_wait
from sandbox.model import ROOT
from sandbox_testing import direct, eventually
from tests.config.rules.paging import (
    COMMANDER,
    ON_CALL,
    PAGE,
    PATIENCE,
    SECOND,
    Desk,
    alertmanager,
    desk,
    heartbeat,
    prometheus,
    until,
)


def test_dead_database_is_one_mail_however_much_burns_because_of_it(office: Desk) -> None:
    burning = [
        {"alertname": f"{name}ErrorBudgetBurn", "severity": "page", "team": team, "service": service}
        for name, team, service in (
            ("Auth", "identity", "auth"), ("Payments", "payments", "payments"), ("Gateway", "edge", "gateway"),
            ("Journey", "edge", "customer"),
        )
    ]  # fmt: skip
    tickets = [{**one, "severity": "ticket"} for one in burning]
    database = {"alertname": "DatabaseDown", "severity": "page", "team": "platform", "service": "postgres"}
    office.fire(database, *burning, *tickets)
    until(office, ("[ESCALATED]", COMMANDER))
    boxes = {mailbox for _, mailbox in office.mails()}
    assert boxes == {"platform-oncall@sandbox.test", "platform-secondary@sandbox.test", COMMANDER}


def test_service_that_burns_speaks_for_those_that_call_it(office: Desk) -> None:
    caller = {"alertname": "JourneyErrorBudgetBurn", "severity": "page", "team": "edge", "service": "customer"}
    office.fire(PAGE, caller, {**PAGE, "severity": "ticket"})
    until(office, ("[ESCALATED]", COMMANDER))
    assert {mailbox for _, mailbox in office.mails()} == {ON_CALL, SECOND, COMMANDER}


def test_several_alerts_of_one_service_are_one_mail(office: Desk) -> None:
    office.fire(
        PAGE, {**PAGE, "alertname": "PaymentsErrorBudgetBurn"}, {**PAGE, "alertname": "PaymentsLatencyBudgetBurn"}
    )
    until(office, ("[PAGE]", ON_CALL))
    [mail] = [one for one in office.mailbox.messages() if ON_CALL in one.recipients]
    assert mail.subject == "[PAGE] a test (and 2 more)"


def test_alert_that_joins_an_incident_whose_page_was_sent_is_an_update_and_no_further_page(office: Desk) -> None:
    office.fire(PAGE, since=20.0)
    until(office, ("[PAGE]", ON_CALL))
    office.fire({**PAGE, "alertname": "PaymentsErrorBudgetBurn"})
    until(office, ("[UPDATE]", ON_CALL))
    assert [word for word, mailbox in office.mails() if mailbox == ON_CALL] == ["[PAGE]", "[UPDATE]"]


@pytest.mark.parametrize("team", sorted(read_contacts().teams))
def test_alerts_that_a_page_waited_for_are_that_page_and_what_came_later_is_news(office: Desk, team: str) -> None:
    waited = float(page_wait(team).removesuffix("s"))
    for service, later in (("gathered", waited), ("joined", waited + 2.0)):
        first = {"alertname": "First", "severity": "page", "team": team, "service": service}
        office.fire(first)
        # In the future, because one that began longer ago than its group waits would be told at once, and alone.
        office.fire({**first, "alertname": "Second"}, since=-later)
    on_call = read_contacts().teams[team].on_call
    until(office, ("[PAGE]", on_call), ("[UPDATE]", on_call))
    assert sorted(word for word, mailbox in office.mails() if mailbox == on_call) == ["[PAGE]", "[UPDATE]"]


def test_news_that_a_part_of_an_incident_is_over_is_an_update_and_no_further_page(office: Desk) -> None:
    other = {**PAGE, "alertname": "PaymentsErrorBudgetBurn"}
    office.fire(PAGE, other)
    until(office, ("[PAGE]", ON_CALL))
    office.fire(other, ended=True)
    until(office, ("[UPDATE]", ON_CALL))
    office.fire(PAGE, ended=True)
    until(office, ("[RESOLVED]", ON_CALL))
    told = [word for word, mailbox in office.mails() if mailbox == ON_CALL]
    assert told == ["[PAGE]", "[UPDATE]", "[RESOLVED]"]


def test_what_had_ended_before_an_incident_began_does_not_make_its_page_an_update(office: Desk) -> None:
    """Prometheus repeats for a quarter of an hour that an alert has ended; the next may find its group waiting."""
    office.fire({**PAGE, "alertname": "PaymentsErrorBudgetBurn"}, over=[PAGE])
    until(office, ("[PAGE]", ON_CALL))
    [mail] = [one for one in office.mailbox.messages() if ON_CALL in one.recipients]
    text = office.mailbox.get(f"/api/v1/message/{mail.id}")["Text"]
    assert "PaymentsErrorBudgetBurn (page, payments)" in text
    assert ": PaymentSuccessBudgetBurn (payments)" in text


def test_slack_webhook_receives_pages_too(tmp_path: Path) -> None:
    heard: list[dict] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Chat)
    Thread(target=server.serve_forever, daemon=True).start()
    secret = tmp_path / "slack-webhook-url"
    secret.write_text(f"http://127.0.0.1:{server.server_port}/services/T000/B000/sandbox\n")
    try:
        with desk(
            tmp_path, "alertmanager-slack.yml", **{"/etc/alertmanager/secrets/slack-webhook-url": str(secret)}
        ) as office:
            office.fire(PAGE)
            eventually("the chat message", lambda: heard, timeout=PATIENCE)
            until(office, ("[PAGE]", ON_CALL))
    finally:
        server.shutdown()
        server.server_close()
    assert heard[0]["channel"] == "#inc-payments"
    assert heard[0]["attachments"][0]["title"] == "[PAGE] a test"


def test_configuration_that_makes_no_sense_is_refused_and_the_running_one_goes_on(office: Desk) -> None:
    office.config.write_text(office.config.read_text().replace("receiver: payments-on-call", "receiver: nobody-knows"))
    answer = direct.post(f"{office.alertmanager.url}/-/reload", timeout=5.0)
    assert answer.status_code == 500
    assert "nobody-knows" in answer.text
    office.fire(PAGE)
    until(office, ("[PAGE]", ON_CALL))


def test_rule_that_makes_no_sense_is_refused_and_the_running_ones_go_on(office: Desk, tmp_path: Path) -> None:
    with prometheus(tmp_path, office.ports) as running:
        rules = tmp_path / "rules.yml"
        rules.write_text(rules.read_text().replace("expr: vector(1)", "expr: vector(1"))
        answer = direct.post(f"{running.url}/-/reload", timeout=5.0)
        assert answer.status_code == 500
        loaded = direct.get(f"{running.url}/api/v1/rules", timeout=5.0).json()["data"]["groups"]
        assert any(rule["name"] == "Watchdog" and rule["query"] == "vector(1)" for g in loaded for rule in g["rules"])


def test_silent_alertmanager_and_silent_prometheus_are_each_mailed_by_the_heartbeat(tmp_path: Path) -> None:
    silent, back = ("[PAGE]", "platform-oncall@sandbox.test"), ("[RESOLVED]", "platform-oncall@sandbox.test")
    with desk(tmp_path) as office, heartbeat(tmp_path, office.ports) as switch:

        def beating() -> bool:
            text = direct.get(f"{switch.url}/metrics", timeout=5.0).text
            return "timestamp_seconds 1." in text and "heartbeat_silent 0.0" in text

        with prometheus(tmp_path, office.ports):
            eventually("the first heartbeat", beating, timeout=PATIENCE)
            assert office.mails() == []
            office.alertmanager.stop()
            eventually("the mail about Alertmanager", office.mails, lambda found: found == [silent], timeout=PATIENCE)
            with alertmanager(tmp_path, office.ports) as again:
                eventually(
                    "the mail that it is back", office.mails, lambda found: found == [silent, back], timeout=PATIENCE
                )
                office.alertmanager = again
                office.mailbox.delete(*office.mailbox.messages())
                direct.get(f"{again.url}/-/healthy", timeout=5.0).raise_for_status()
                direct.post(f"http://127.0.0.1:{office.ports['prometheus']}/-/quit", timeout=5.0)
                eventually("the mail about Prometheus", office.mails, lambda found: found == [silent], timeout=PATIENCE)


def test_mail_shows_every_part_of_an_alert_and_nothing_that_is_missing(office: Desk) -> None:
    office.fire(PAGE)
    for text in _parts_of_the_page(office):
        assert "a test" in text
        assert "http://r/" in text
        assert "http://d/" in text
        assert "make ack ALERT=PaymentSuccessBudgetBurn SERVICE=payments" in text
        assert "Logs" not in text
        assert "no Grafana" not in text
        assert str(ROOT) not in text


def test_mail_leaves_out_links_to_a_grafana_that_is_not_there_and_says_why(office: Desk) -> None:
    office.fire(PAGE, dashboard_url="(no Grafana) http://d/", logs_url="(no Grafana) http://l/")
    for text in _parts_of_the_page(office):
        assert "http://r/" in text
        assert "http://d/" not in text
        assert "http://l/" not in text
        assert "This stack has no Grafana. The runbook has the queries." in text


@pytest.mark.parametrize("said", ["", "(this stack has no Grafana) "])
def test_alert_knows_where_grafana_is_or_that_there_is_none_and_has_no_label_of_it(
    office: Desk, tmp_path: Path, said: str
) -> None:
    url = f"{office.alertmanager.url}/api/v2/alerts"
    with prometheus(tmp_path, office.ports, GRAFANA_URL="http://127.0.0.1:3001", NO_GRAFANA=said):
        [alert] = eventually("the Watchdog", lambda: direct.get(url, timeout=5.0).json(), timeout=PATIENCE)
    assert alert["annotations"]["dashboard_url"] == f"{said}http://127.0.0.1:3001/d/incident"
    assert alert["labels"].keys() == {"alertname", "severity", "team", "sandbox"}


def _parts_of_the_page(office: Desk) -> tuple[str, str]:
    until(office, ("[PAGE]", ON_CALL))
    [message] = [one for one in office.mailbox.messages() if ON_CALL in one.recipients]
    shown = office.mailbox.get(f"/api/v1/message/{message.id}")
    return shown["HTML"], shown["Text"]


def test_target_without_a_service_silences_neither_the_watchdog_nor_anything_else(office: Desk) -> None:
    nameless = {"alertname": "TargetDown", "severity": "page", "team": "platform"}
    office.fire(nameless, {"alertname": "Watchdog", "severity": "none", "team": "platform"})
    office.fire({"alertname": "Any", "severity": "page", "team": "platform"})

    def states() -> dict[str, list[str]]:
        alerts = direct.get(f"{office.alertmanager.url}/api/v2/alerts", timeout=5.0).json()
        return {one["labels"]["alertname"]: one["status"]["inhibitedBy"] for one in alerts}

    wanted = {"TargetDown": [], "Watchdog": [], "Any": []}
    until(office, ("[PAGE]", "platform-oncall@sandbox.test"))
    assert states() == wanted
