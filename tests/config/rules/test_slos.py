"""Objectives: each burns its budget into a page or a ticket at the workbook's factors, in both variants, and ends."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from sandbox.alerting.slos import SLOS, every_slo
from sandbox.model import ROOT
from sandbox.model.catalog import catalog
from sandbox.model.documents import parse_yaml
from tests.config.rules.programs import run

REQUESTS = "http_server_request_duration_seconds"
CALLS, SERVER = "traces_spanmetrics_calls_total", 'span_kind="SPAN_KIND_SERVER"'
FIRING = "ALERTS{{alertname=~'.+BudgetBurn',alertstate='firing',severity=~'{severity}'}}"


def _requests(service: str) -> tuple[str, str]:
    labels = f'service="{service}",team="{catalog()[service].team}"'
    return (
        f'{REQUESTS}_count{{{labels},http_response_status_code="200"}}',
        f'{REQUESTS}_count{{{labels},http_response_status_code="503",error_type="503"}}',
    )


def _latency(service: str, bound: str) -> tuple[str, str]:
    """Fast ones, which are in the bucket, and slow ones, which are in none."""
    labels = f'service="{service}",team="{catalog()[service].team}"'
    return (f'{REQUESTS}_bucket{{{labels},le="{bound}"}}', f"{REQUESTS}_count{{{labels}}}")


OBJECTIVES = {
    "GatewayErrorBudgetBurn": ("gateway", "availability", 0.005, _requests("gateway")),
    "GatewayLatencyBudgetBurn": ("gateway", "latency", 0.01, _latency("gateway", "1.0")),
    "AuthErrorBudgetBurn": ("auth", "availability", 0.001, _requests("auth")),
    "AuthLatencyBudgetBurn": ("auth", "latency", 0.01, _latency("auth", "0.75")),
    "PaymentsErrorBudgetBurn": ("payments", "availability", 0.005, _requests("payments")),
    "PaymentsLatencyBudgetBurn": ("payments", "latency", 0.01, _latency("payments", "0.75")),
    "PaymentSuccessBudgetBurn": (
        "payments", "success", 0.01, ('payments_total{outcome="authorised"}', 'payments_total{outcome="failed"}'),
    ),
    "JourneyErrorBudgetBurn": (
        "customer", "journey", 0.01,
        ('synthetic_journeys_total{outcome="success"}', 'synthetic_journeys_total{outcome="failure"}'),
    ),
    "ServiceErrorBudgetBurn": (
        "services", "default", 0.01,
        tuple(f'{CALLS}{{service="guest",{SERVER},status_code="STATUS_CODE_{code}"}}' for code in ("UNSET", "ERROR")),
    ),
}  # fmt: skip
"""Of each alert: service, objective, share of bad events that it allows, and two series: good events, bad events."""

DOWN = {
    "TargetDown": ['up{job="services",service="auth",team="identity",instance="auth:8001"}'],
    "DatabaseDown": [f'database_up{{service="{name}",team="{catalog()[name].team}"}}' for name in ("auth", "payments")],
}
"""Of each alert about what is away: the series that are 0 then."""


def _series(alert: str, factor: float, minutes: int, healthy_minutes: int) -> list[dict[str, str]]:
    """A thousand events each 5 s, of which `factor` times as many are bad as the objective allows; then none."""
    _, objective, budget, (good, bad) = OBJECTIVES[alert]
    wrong, steps, after = 1000 * budget * factor, minutes * 12, healthy_minutes * 12
    right = 1000 - wrong

    def counter(step: float, then: float) -> str:
        return f"0+{step:g}x{steps} {step * steps + then:g}+{then:g}x{after}"

    if objective == "latency":
        return [{"series": good, "values": counter(right, 1000)}, {"series": bad, "values": counter(1000, 1000)}]
    return [{"series": good, "values": counter(right, 1000)}, {"series": bad, "values": counter(wrong, 0)}]


def _expected(alert: str, severity: str, at: str, fires: bool) -> dict[str, object]:
    service, objective, *_ = OBJECTIVES[alert]
    # The default objective is of any service, and of nobody's team.
    owner = catalog()[service].team if service in catalog() else "platform"
    labels = {
        "alertname": alert, "alertstate": "firing", "severity": severity, "sloth_severity": severity,
        "service": service if service in catalog() else "guest", "sloth_service": service,
        "sloth_slo": objective, "sloth_id": f"{service}-{objective}", "team": owner,
    }  # fmt: skip
    sample = {"labels": "ALERTS{" + ",".join(f"{k}={json.dumps(v)}" for k, v in labels.items()) + "}", "value": 1}
    return {
        "expr": FIRING.format(severity=severity), "eval_time": at, "exp_samples": [sample] if fires else [],
    }  # fmt: skip


def _prove(folder: Path, alert: str, series: list[dict[str, str]], *expected: dict[str, object]) -> None:
    test = {"interval": "5s", "input_series": series, "promql_expr_test": list(expected)}
    _judge(folder, [_rules_of(alert)], "5s", [test])


def _rules_of(alert: str) -> Path:
    files = [*(ROOT / "prometheus/generated/sandbox").glob("*.yml"), *(ROOT / "prometheus/rules").glob("*.yml")]
    [rules] = [path for path in files if f"alert: {alert}\n" in path.read_text()]
    return rules


def _judge(folder: Path, rules: Iterable[Path], evaluated: str, tests: list[dict[str, object]]) -> None:
    path = folder / "slo.test.yml"
    files = sorted({str(one) for one in rules})
    # JSON is YAML.
    path.write_text(json.dumps({"rule_files": files, "evaluation_interval": evaluated, "tests": tests}))
    run("IMAGE_PROMETHEUS", "/bin/promtool", "test", "rules", path)


@pytest.mark.parametrize("alert", OBJECTIVES)
def test_outage_pages_within_a_minute_and_the_page_ends_with_it(alert: str, tmp_path: Path) -> None:
    page = [_expected(alert, "page", at, fires) for at, fires in (("0s", False), ("1m", True), ("3m", False))]
    _prove(tmp_path, alert, _series(alert, 15, 2, 3), *page)


@pytest.mark.parametrize(
    ("cause", "symptom"),
    [
        ("AuthErrorBudgetBurn", "PaymentsErrorBudgetBurn"),
        ("PaymentSuccessBudgetBurn", "GatewayErrorBudgetBurn"),
        ("PaymentSuccessBudgetBurn", "JourneyErrorBudgetBurn"),
        ("GatewayErrorBudgetBurn", "JourneyErrorBudgetBurn"),
        ("TargetDown", "PaymentsErrorBudgetBurn"),
        ("DatabaseDown", "AuthErrorBudgetBurn"),
    ],
)
def test_page_of_a_cause_lasts_until_that_of_its_symptom_has_ended(cause: str, symptom: str, tmp_path: Path) -> None:
    """Or the end of an outage pages whoever stands before it, for what had been silenced until then."""
    scrape, ended, minutes_after = 5, 120, 4
    if cause in DOWN:
        down = [{"series": one, "values": f"0x{ended // scrape} 1x{minutes_after * 12}"} for one in DOWN[cause]]
        series = [*down, {"series": 'process_start_time_seconds{service="prometheus"}', "values": "-120x80"}]
    else:
        series = _series(cause, 20, ended // 60, minutes_after)
    series += _shifted(_series(symptom, 20, ended // 60, minutes_after), 2 * scrape)
    firing = 'count(ALERTS{{alertname="{}",severity="page",alertstate="firing"}})'
    told = f"{firing.format(symptom)} unless {firing.format(cause)}"
    both = f"{firing.format(symptom)} + {firing.format(cause)}"
    expected = [{"expr": told, "eval_time": f"{at}s"} for at in range(ended, ended + 180, scrape)]
    expected.append({"expr": both, "eval_time": f"{ended}s", "exp_samples": [{"labels": "{}", "value": 2}]})
    test = {"interval": f"{scrape}s", "input_series": series, "promql_expr_test": expected}
    _judge(tmp_path, [_rules_of(cause), _rules_of(symptom)], f"{scrape}s", [test])


def _shifted(series: list[dict[str, str]], seconds: int) -> list[dict[str, str]]:
    """The same, seen this much later."""
    return [{**one, "values": f"0x{seconds // 5 - 1} {one['values']}"} for one in series]


@pytest.mark.parametrize("alert", OBJECTIVES)
def test_slow_burn_is_a_ticket_and_no_page_and_ends(alert: str, tmp_path: Path) -> None:
    never = [_expected(alert, "page", at, False) for at in ("30s", "4m")]
    ticket = [_expected(alert, "ticket", "4m", True), _expected(alert, "ticket", "10m", False)]
    _prove(tmp_path, alert, _series(alert, 5.9, 4, 7), *never, *ticket)


@pytest.mark.parametrize("alert", OBJECTIVES)
def test_errors_within_the_objective_fire_no_alert(alert: str, tmp_path: Path) -> None:
    never = [_expected(alert, severity, at, False) for severity in ("page", "ticket") for at in ("1m", "8m")]
    _prove(tmp_path, alert, _series(alert, 0.9, 8, 1), *never)


# Seconds between two samples: the shortest window needs more than two.
STEPS = {"sandbox": 5, "production": 120}


def _factors(variant: str) -> dict[float, tuple[str, int]]:
    """Factor of the workbook to severity and long window in seconds, from the file of the windows."""
    [path] = {slo.windows for slo in every_slo() if slo.target.parent.name == variant}
    spec = parse_yaml(path.read_text())["spec"]
    return {
        round(window["errorBudgetPercent"] / 100 * _seconds(spec["sloPeriod"]) / _seconds(window["longWindow"]), 3): (
            severity,
            _seconds(window["longWindow"]),
        )
        for severity in ("page", "ticket")
        for window in spec[severity].values()
    }


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[duration[-1]]


def _edges(alert: str, variant: str, factor: float, folder: Path) -> None:
    """Health, then a burn for the factor's long window: just above it must fire, just below it must not.

    There is so much health before that the burn is nothing to the other window of this severity. Rules are evaluated
    once, at the end: what comes before decides nothing and takes minutes.
    """
    step, (severity, long) = STEPS[variant], _factors(variant)[factor]
    healthy = max(other for name, other in _factors(variant).values() if name == severity) // step
    burning = long // step + 2
    end = f"{(healthy + burning) * step}s"
    tests = []
    for times in (0.97, 1.03):
        series = _turning(alert, factor * times, healthy, burning)
        expected = _expected(alert, severity, end, times > 1)
        tests.append({"interval": f"{step}s", "input_series": series, "promql_expr_test": [expected]})
    _judge(folder, [_group_of(alert, variant, folder)], end, tests)


def _turning(alert: str, factor: float, healthy: int, burning: int) -> list[dict[str, str]]:
    """As _series, the other way round: first none are bad, then `factor` times as many as the objective allows."""
    _, objective, budget, (good, bad) = OBJECTIVES[alert]
    wrong = 1000 * budget * factor

    def counter(before: float, then: float) -> str:
        return f"0+{before:g}x{healthy} {before * healthy + then:g}+{then:g}x{burning}"

    late = counter(1000, 1000) if objective == "latency" else counter(0, wrong)
    return [{"series": good, "values": counter(1000, 1000 - wrong)}, {"series": bad, "values": late}]


def _group_of(alert: str, variant: str, folder: Path) -> Path:
    """The one group with the recordings and alerts of an objective: the others cost minutes and decide nothing."""
    files = [parse_yaml(path.read_text()) for path in (ROOT / "prometheus/generated" / variant).glob("*.yml")]
    [group] = [
        group for file in files for group in file["groups"] if any(one.get("alert") == alert for one in group["rules"])
    ]
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [group]}))
    return path


@pytest.mark.parametrize("variant", STEPS)
def test_factors_are_those_of_the_workbook(variant: str) -> None:
    assert {factor: severity for factor, (severity, _) in _factors(variant).items()} == {
        14.4: "page", 6: "page", 3: "ticket", 1: "ticket",
    }  # fmt: skip


@pytest.mark.parametrize("variant", STEPS)
@pytest.mark.parametrize("alert", OBJECTIVES)
def test_alert_fires_just_above_each_factor_and_not_just_below(alert: str, variant: str, tmp_path: Path) -> None:
    for factor in _factors(variant):
        _edges(alert, variant, factor, tmp_path)


def test_a_service_with_an_objective_of_its_own_is_spared_the_default_one(tmp_path: Path) -> None:
    """Or each of its outages would page two teams."""
    own = {"series": 'slo:objective:ratio{service="guest",sloth_id="guest-own"}', "values": "0.5x84"}
    silent = [_expected("ServiceErrorBudgetBurn", "page", at, False) for at in ("1m", "2m")]
    _prove(tmp_path, "ServiceErrorBudgetBurn", [own, *_series("ServiceErrorBudgetBurn", 15, 2, 3)], *silent)


def test_each_objective_has_its_test() -> None:
    declared = {
        slo["alerting"]["name"]: (slos["service"], slo["name"], pytest.approx(1 - slo["objective"] / 100))
        for path in SLOS.glob("*.yml")
        for slos in [parse_yaml(path.read_text())]
        for slo in slos["slos"]
    }
    assert {alert: row[:3] for alert, row in OBJECTIVES.items()} == declared
