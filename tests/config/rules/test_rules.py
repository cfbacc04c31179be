"""Alerts fire when they should and only then, and each says how bad it is, whose it is and where to read on."""

import re
from pathlib import Path

import pytest

from sandbox.alerting.contacts import read_contacts
from sandbox.alerting.lint import TABLE, Alert, alerts, severities
from sandbox.alerting.slos import SLOS
from sandbox.model.catalog import catalog
from sandbox.model.documents import parse_yaml
from testing.vocabulary import vocabulary
from tests.config.rules.programs import run
from tests.config.rules.test_slos import OBJECTIVES
from tests.support.checklist import nothing_is_wrong_with

TESTS = sorted(Path(__file__).parent.glob("*.test.yml"))
ALERTS = alerts()
# Alert to severity, team and what makes it fire, as the page of alerts tells.
ROWS = {
    name: cells
    for name, *cells in re.findall(
        r"^\| `(\w+)` \| ([\w, ]+) \| ([^|]+) \| ([^|]+) \|$",
        TABLE.read_text().partition("## Every alert")[2],
        re.MULTILINE,
    )
}
OWNERS = {
    slo["alerting"]["name"]: slos["labels"]["team"]
    for slos in (parse_yaml(path.read_text()) for path in SLOS.glob("*.yml"))
    for slo in slos["slos"]
}
"""Alert of an objective to the team that the objective names; its recordings hand it on."""
# Its value is 0 or 1: there is no number to tell.
STATES = {"Watchdog", "TargetDown", "NoTraffic", "CircuitOpen"}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_alerts_fire_exactly_when_they_should(path: Path) -> None:
    run("IMAGE_PROMETHEUS", "/bin/promtool", "test", "rules", path)


def test_every_alert_has_a_test_that_makes_it_fire_and_one_that_makes_it_end() -> None:
    fires, is_silent = set(OBJECTIVES), set(OBJECTIVES) | {"Watchdog"}
    for path in TESTS:
        for test in parse_yaml(path.read_text())["tests"]:
            for one in test.get("alert_rule_test", []):
                (fires if one.get("exp_alerts") else is_silent).add(one["alertname"])
            for one in test.get("promql_expr_test", []):
                samples = one.get("exp_samples", [])
                names = re.findall(r'alertname="(\w+)"', str(samples) if samples else one["expr"])
                (fires if samples else is_silent).update(names)
                if "Error.*" in one["expr"] and not samples:
                    is_silent |= {"ErrorTrackerOverCap", "ErrorEventsLost"}
    assert fires == {alert.name for alert in ALERTS}
    assert is_silent == fires


def test_table_of_alerts_says_severity_and_team_as_the_rules_do() -> None:
    severities_of: dict[str, set[str]] = {}
    teams_of: dict[str, set[str]] = {}
    for alert in ALERTS:
        severities_of.setdefault(alert.name, set()).add(alert.severity)
        teams_of.setdefault(alert.name, set()).add(OWNERS.get(alert.name) or _team(alert.rule))
    assert {name: set(severity.split(", ")) for name, (severity, *_) in ROWS.items()} == severities_of
    # It is of whoever owns the target, and of the platform team where the target is its own.
    assert teams_of.pop("TargetDown") == {"the service's", "platform"}
    assert ROWS["TargetDown"][1] == "the target's"
    assert {name: {team} for name, (_, team, _) in ROWS.items() if name != "TargetDown"} == teams_of


def _team(rule: dict) -> str:
    """The team that the rule names; or that of the one service that it asks of or that has the metric; or any."""
    if team := rule["labels"].get("team"):
        return team
    asked = set(re.findall(r'service="(\w+)"', rule["expr"])) & catalog().keys()
    for metric in vocabulary().metrics:
        if re.search(rf"\b{metric.name}(_total)?\b", rule["expr"]):
            asked |= set(metric.services)
    # With several metrics in one pattern, each has a service of its own.
    return catalog()[asked.pop()].team if len(asked) == 1 and "|relay" not in rule["expr"] else "the service's"


def test_table_of_alerts_says_how_long_a_rule_waits() -> None:
    waits = {alert.name: alert.rule.get("for", "") for alert in ALERTS if not alert.name.endswith("BudgetBurn")}
    # The window of their rates is a part of how long nothing comes.
    windows = {"NoTraffic": 30, "TelemetryExportFailing": 15}
    for name, wait in waits.items():
        told = re.findall(r"for (\d+ \w+)", ROWS[name][2])
        if name == "TargetDown":
            # One scrape after the first that failed.
            assert (wait, "two scrapes in a row" in ROWS[name][2]) == ("5s", True)
        elif wait:
            seconds = _seconds(wait) + windows.get(name, 0)
            assert told == [f"{seconds} s" if seconds < 60 else f"{seconds // 60} min"], name
        else:
            assert told == [], name


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


def test_table_of_alerts_says_what_each_objective_promises() -> None:
    for path in SLOS.glob("*.yml"):
        for slo in parse_yaml(path.read_text())["slos"]:
            told = ROWS[slo["alerting"]["name"]][2]
            assert f"{slo['objective']:g} %" in told
            bound = re.search(r'le="([\d.]+)"', slo["sli"]["events"]["error_query"])
            assert re.findall(r"within ([\d.]+) s", told) == ([f"{float(bound[1]):g}"] if bound else [])


def test_page_of_alerts_says_when_a_page_is_passed_on() -> None:
    contacts, text = read_contacts(), TABLE.read_text()
    second, commander = contacts.secondary_after.removesuffix("m"), contacts.commander_after.removesuffix("m")
    assert f"acknowledge in 5 minutes, at any hour ({second} in the sandbox)" in text
    assert f"(`alertmanager/contacts.yml`: {second} and {commander} minutes in the sandbox)" in text


def test_rules_use_the_severities_of_the_table_and_no_others() -> None:
    assert {alert.severity for alert in ALERTS} == set(severities()) == {"page", "ticket", "none"}


def test_summary_tells_the_value_that_is_now() -> None:
    told = [(alert.name, "$value" in alert.rule["annotations"]["summary"]) for alert in ALERTS]
    assert [name for name, value in told if value == (name in STATES)] == []


# Every comparison of the rules, and the words in which descriptions and the table tell it. Those without words ask
# whether there is anything at all, or what state something is in; and how long Prometheus or a process has run.
WORDS = {
    "> 0": (), "== 0": (), "== 1": (), "> 60": (), "> 600": (),
    "> 1": ("more than one",), ">= 0.9": ("90 %",), "> 0.10": ("10 %",), "< 0.10": ("less than 10 %",),
    ">= 20": ("two minutes",),
    "> 2000": ("2,000",), "> 64e6": ("64 mb",), "> 500": ("more than 500",), "> 0.5": ("half",),
}  # fmt: skip


@nothing_is_wrong_with({f"{one.name} {one.line}": one for one in ALERTS if not one.name.endswith("BudgetBurn")})
def test_threshold_of_a_rule_is_in_its_description_and_in_the_table(alert: Alert) -> dict[str, object]:
    thresholds = re.findall(r"([<>]=?|==) (?:bool )?([\d.e]+)", alert.rule["expr"])
    words = [word for operator, number in thresholds for word in WORDS[f"{operator} {number}"]]
    description, row = alert.rule["annotations"]["description"].lower(), ROWS[alert.name][2].lower()
    return {
        "not in its description": [word for word in words if word not in description],
        "not in the table": [word for word in words if word not in row],
    }
