"""Alerts fire when they should and only then, and each says how bad it is, whose it is and where to read on."""

import re
from pathlib import Path

import pytest
import yaml

from alerting.lint import TABLE, alerts, severities
from tests.rules.programs import run
from tests.rules.test_slos import OBJECTIVES

TESTS = sorted(Path(__file__).parent.glob("*.test.yml"))
ALERTS = alerts()
# Its value is 0 or 1: there is no number to tell.
STATES = {"Watchdog", "TargetDown", "NoTraffic", "CircuitOpen"}


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_alerts_fire_exactly_when_they_should(path: Path) -> None:
    run("IMAGE_PROMETHEUS", "/bin/promtool", "test", "rules", path)


def test_every_alert_has_a_test_that_makes_it_fire_and_one_that_makes_it_end() -> None:
    fires, is_silent = set(OBJECTIVES), set(OBJECTIVES) | {"Watchdog"}
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            fires |= {one["alertname"] for one in test.get("alert_rule_test", [])}
            for one in test.get("promql_expr_test", []):
                samples = one.get("exp_samples", [])
                names = re.findall(r'alertname="(\w+)"', str(samples) if samples else one["expr"])
                (fires if samples else is_silent).update(names)
                if "Error.*" in one["expr"] and not samples:
                    is_silent |= {"ErrorTrackerOverCap", "ErrorEventsLost"}
    assert fires == {alert.name for alert in ALERTS}
    assert is_silent == fires


def test_table_of_alerts_is_what_the_rules_say() -> None:
    table = TABLE.read_text().partition("## Every alert")[2]
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w, ]+) \|", table, re.MULTILINE))
    found: dict[str, set[str]] = {}
    for alert in ALERTS:
        found.setdefault(alert.name, set()).add(alert.severity)
    assert {name: set(text.split(", ")) for name, text in rows.items()} == found


def test_rules_use_the_severities_of_the_table_and_no_others() -> None:
    assert {alert.severity for alert in ALERTS} == set(severities()) == {"page", "ticket", "none"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: f"{alert.name}-{alert.severity}")
def test_summary_or_description_tells_the_value_that_is_now(alert) -> None:
    told = "$value" in alert.rule["annotations"]["summary"]
    assert told != (alert.name in STATES)


def test_threshold_of_a_rule_is_the_one_that_its_text_tells() -> None:
    """Numbers of the expression that are thresholds stand in its description, in words that people use."""
    words = {"0.9": "", "0.10": "10 %", "2000": "2,000", "64e6": "64 MB", "500": "500", "0.5": "half", "1": "one"}
    for alert in ALERTS:
        if alert.name.endswith("BudgetBurn"):
            continue
        threshold = re.search(r"[<>]=? ([\d.e]+)", alert.rule["expr"])
        if threshold and (word := words.get(threshold[1], "")):
            text = alert.rule["annotations"]["description"].lower()
            assert word.lower() in text, (alert.name, threshold[1])
