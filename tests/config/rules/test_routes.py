"""Routes: every severity of every team ends in the right mailboxes, and nothing ends in none."""

import re
from pathlib import Path

import pytest

from sandbox.alerting import routes
from sandbox.alerting.contacts import read_contacts
from sandbox.alerting.lint import alertmanager_files, severities
from sandbox.alerting.problems import Problem
from sandbox.model import ROOT
from sandbox.model.catalog import catalog
from sandbox.model.documents import parse_yaml
from tests.config.rules.programs import run
from tests.support.checklist import nothing_is_wrong_with

CONFIG = ROOT / "alertmanager/alertmanager.yml"
CONTACTS = read_contacts()
every_team = nothing_is_wrong_with(CONTACTS.teams.keys())


def receivers(*labels: str, config: Path = CONFIG) -> list[str]:
    """Whom Alertmanager itself would send an alert with these labels to."""
    answer = run("IMAGE_ALERTMANAGER", "/bin/amtool", "config", "routes", "test", f"--config.file={config}", *labels)
    return answer.strip().split(",")


def mailboxes(names: list[str]) -> list[str]:
    found = {one["name"]: one for one in parse_yaml(CONFIG.read_text())["receivers"]}
    return [mail["to"] for name in names for mail in found[name].get("email_configs", [])]


@every_team
def test_page_goes_to_on_call_then_secondary_then_commander(team: str) -> dict[str, object]:
    row, told = CONTACTS.teams[team], receivers("severity=page", f"team={team}", "service=any", "alertname=Any")
    return {"wakes": mailboxes(told) != [row.on_call, row.secondary, CONTACTS.commander] and told}


@every_team
def test_ticket_goes_to_the_team_and_wakes_nobody(team: str) -> dict[str, object]:
    told = receivers("severity=ticket", f"team={team}", "service=any", "alertname=Any")
    return {"is mailed to": mailboxes(told) != [CONTACTS.teams[team].mailbox] and told}


@every_team
def test_error_of_the_tracker_is_sent_to_its_team_once_and_its_end_to_nobody(team: str) -> dict[str, object]:
    asked = ("severity=ticket", f"team={team}", "service=any", "issue=ANY-1")
    told = [receivers(*asked, f"alertname={alert}") for alert in ("NewErrorIssue", "RegressedErrorIssue")]
    mails = {one["name"]: one.get("email_configs") for one in parse_yaml(CONFIG.read_text())["receivers"]}
    ends = [one for names in told for one in names if mails[one][0]["send_resolved"] is not False]
    once = [CONTACTS.teams[team].mailbox]
    return {
        "is mailed to": [one for one in told if len(one) > 1 or mailboxes(one) != once],
        "the end is mailed to": ends,
    }


@every_team
def test_alert_that_needs_no_notification_is_sent_to_nobody(team: str) -> dict[str, object]:
    return {"is sent to": mailboxes(receivers("severity=none", f"team={team}", "alertname=Any"))}


def test_watchdog_goes_to_the_heartbeat_alone() -> None:
    assert receivers("severity=none", "team=platform", "alertname=Watchdog") == ["heartbeat"]


@pytest.mark.parametrize("labels", [("severity=page",), ("severity=page", "team=nobody"), ("severity=unheard-of",), ()])
def test_alert_that_nobody_owns_reaches_the_platform_team(labels: tuple[str, ...]) -> None:
    """A mistake in a rule must not make its alert vanish."""
    assert mailboxes(receivers("alertname=Any", *labels)) == [CONTACTS.teams["platform"].mailbox]


def test_each_step_of_the_escalation_waits_as_long_as_the_contacts_say() -> None:
    told = parse_yaml(CONFIG.read_text())["route"]["routes"]
    for team in CONTACTS.teams:
        waits = [one["group_wait"] for one in told if one["matchers"] == ["severity = page", f"team = {team}"]]
        groups = [one["group_by"] for one in told if one["matchers"] == ["severity = page", f"team = {team}"]]
        assert ["alertname" in group for group in groups] == [False, True, True]
        assert waits == [routes.page_wait(team), CONTACTS.secondary_after, CONTACTS.commander_after]


def test_notification_of_the_consequences_waits_for_the_cause() -> None:
    """A failing payment is seen by payments and by the gateway, whose team must not be woken first."""
    assert routes.page_wait(catalog()["gateway"].team) == "11s"
    assert routes.page_wait(catalog()["payments"].team) == "6s"


def test_contacts_know_every_team_that_owns_something_and_no_severity_is_left_out() -> None:
    owners = {row.team for row in catalog().values() if row.signals}
    prometheus = parse_yaml((ROOT / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    owners |= {one["labels"]["team"] for job in prometheus for one in job.get("static_configs", [])}
    assert owners <= CONTACTS.teams.keys()
    routed = {found for one in re.findall(r"severity = (\w+)", CONFIG.read_text()) for found in [one]}
    assert routed == set(severities())


def test_routes_are_as_generated() -> None:
    for name, text in routes.generated().items():
        assert (routes.FOLDER / name).read_text() == text, "run: make generate"


def test_alertmanager_accepts_the_configuration() -> None:
    assert alertmanager_files()
    run("IMAGE_ALERTMANAGER", "/bin/amtool", "check-config", *alertmanager_files())


def test_slack_variant_tells_the_same_people_and_the_channels_beside() -> None:
    mail, slack = (parse_yaml((routes.FOLDER / name).read_text()) for name in routes.generated())
    channels = {}
    for receiver in slack["receivers"]:
        for one in receiver.pop("slack_configs", []):
            assert one["api_url_file"] == routes.SLACK_SECRET
            channels[receiver["name"]] = one["channel"]
    assert slack == mail
    assert channels == {
        f"{team}-{role}": row.channel for team, row in CONTACTS.teams.items() for role in ("on-call", "team", "news")
    }


def test_dead_mans_switch_mails_those_whom_nobody_else_would_tell() -> None:
    heartbeat = parse_yaml((ROOT / "docker-compose.yml").read_text())["services"]["heartbeat"]
    wanted = [CONTACTS.teams["platform"].on_call, CONTACTS.commander]
    assert heartbeat["environment"]["MAIL_TO"].split(",") == wanted


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("on_call: auth", "on_call: [auth", "is no YAML"),
        ("secondary: payments-secondary@sandbox.test", "secondary: payments", "secondary of payments is 'payments'"),
        ("    mailbox: edge@sandbox.test\n", "", "edge lacks mailbox"),
        ("commander: incident-commander@sandbox.test", "commander: nobody", "commander of the file is 'nobody'"),
        ("secondary_after: 2m", "secondary_after: soon", "'soon', which is not a duration"),
        ("  commander_after: 4m", "", "escalation lacks commander_after"),
    ],
)
def test_contacts_that_make_no_sense_are_refused_with_file_line_and_reason(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    text = (ROOT / "alertmanager/contacts.yml").read_text().replace("on_call: identity-oncall", "on_call: auth")
    assert old in text
    path = tmp_path / "contacts.yml"
    path.write_text(text.replace(old, new))
    with pytest.raises(Problem) as refused:
        read_contacts(path)
    assert refused.value.line > 0
    assert reason in refused.value.reason
    assert str(refused.value).startswith(f"{path}:{refused.value.line}: ")
