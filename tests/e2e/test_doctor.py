"""`make doctor` finds what is broken, wherever that is, and says what to do."""

import subprocess
import sys

import pytest

from sandbox.checks.doctor.probes import PROBE
from sandbox.completeness.exposition import samples_of
from sandbox.engines import commands
from sandbox.model.catalog import SERVICES
from sandbox.model.stack import Stack
from sandbox_testing import direct
from sandbox_testing.stores import Prometheus
from tests.support.components import start, wait_for_senders

# In the order of the doctor's hops.
HOPS = {
    "payments": "payments answers",
    "otel-collector": "otel-collector answers",
    "tempo": "tempo answers",
    "loki": "loki answers",
    "prometheus": "prometheus answers",
    "bugsink": "bugsink answers",
    "alertmanager": "alertmanager answers",
}
NOWHERE = "http://127.0.0.1:9"


def examined(stack: Stack) -> subprocess.CompletedProcess[str]:
    """The doctor, run as `make doctor` runs it."""
    command = [sys.executable, "-m", "sandbox", "doctor"]
    return subprocess.run(command, cwd=stack.root, capture_output=True, text=True, timeout=120, check=False)


def failures(stack: Stack) -> dict[str, float]:
    """Answers of each service that count against its objective, from its own page."""
    found = {}
    for service in SERVICES:
        samples = samples_of(stack.url(service), "http_server_request_duration_seconds_count").items()
        found[service] = sum(
            value for labels, value in samples if dict(labels)["http_response_status_code"].startswith("5")
        )
    return found


@pytest.fixture(scope="module")
def failures_around(stack: Stack) -> tuple[dict[str, float], subprocess.CompletedProcess[str], dict[str, float]]:
    """One examination of a healthy stack, between two counts of the answers that failed."""
    before = failures(stack)
    return before, examined(stack), failures(stack)


@pytest.mark.engine("network and names")
def test_doctor_finds_nothing_wrong_with_a_healthy_stack(failures_around: tuple) -> None:
    """Without this an alarm of the doctor means nothing."""
    _, well, _ = failures_around
    assert well.returncode == 0, well.stdout + well.stderr
    assert "every signal arrives in its store" in well.stdout


def test_doctor_burns_no_budget_and_sends_no_notification(
    failures_around: tuple, stack: Stack, prometheus: Prometheus
) -> None:
    """Without this a check of the stack's health raises alerts by itself."""
    before, _, after = failures_around
    assert after == before
    groups = prometheus.get("/api/v1/rules", type="record")["data"]["groups"]
    asked = [rule["query"] for group in groups for rule in group["rules"] if "http_server_request" in rule["query"]]
    assert asked
    assert [query for query in asked if query.count("http_server_request") != query.count(PROBE)] == []
    news = direct.get(f"{stack.url('alertmanager')}/api/v2/alerts", timeout=5.0).raise_for_status().json()
    assert [one for one in news if "DoctorProbe" in one["annotations"]["summary"]] == []


@pytest.fixture(scope="module")
def stopped(stack: Stack) -> dict[str, subprocess.CompletedProcess[str]]:
    """What the doctor says of each component. They stop one after the other, from the last hop to the first.

    So what it names is the first of several broken hops, and one recovery is enough.
    """
    said = {}
    try:
        for component in reversed(HOPS):
            said[component] = None
            commands.stop(stack.root, component)
            said[component] = examined(stack)
    finally:
        for component in said:
            start(stack, component, senders=False)
        wait_for_senders(stack)
    return said


@pytest.mark.parametrize("component", HOPS)
def test_doctor_names_the_component_that_is_stopped(
    stopped: dict[str, subprocess.CompletedProcess[str]], component: str
) -> None:
    """Without this a person who sees an empty panel must look at a dozen programs."""
    ill = stopped[component]
    assert ill.returncode == 1
    assert f"First broken hop: {HOPS[component]}" in ill.stdout
    assert f"{component} does not run" in ill.stdout
    assert f"python -m sandbox start {component}" in ill.stdout


# In the order of the hops.
WRONG = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": (NOWHERE, f"{SERVICES[0]} → otel-collector", "OTEL_EXPORTER_OTLP_ENDPOINT is wrong"),
    "GATEWAY_SENTRY_DSN": (
        f"{NOWHERE.replace('//', '//0123456789abcdef@')}/1",
        "gateway → bugsink (error event)",
        "the DSN of gateway names another address",
    ),
}


@pytest.fixture(scope="module")
def misled(stack: Stack) -> dict[str, subprocess.CompletedProcess[str]]:
    """What the doctor says of each variable that leads nowhere, in a stack that runs; then that one is corrected."""
    local = stack.root / ".env.local"
    before = local.read_text(encoding="utf-8") if local.exists() else None
    lines = {variable: f"{variable}={address}" for variable, (address, _, _) in WRONG.items()}
    said = {}
    try:
        while lines:
            local.write_text("\n".join([before or "", *lines.values(), ""]), encoding="utf-8")
            commands.up(stack.root)
            said[next(iter(lines))] = examined(stack)
            del lines[next(iter(lines))]
    finally:
        if before is None:
            local.unlink()
        else:
            local.write_text(before, encoding="utf-8")
        commands.up(stack.root)
    return said


@pytest.mark.parametrize("variable", WRONG)
def test_doctor_tells_a_wrong_address_from_a_dead_component(
    misled: dict[str, subprocess.CompletedProcess[str]], variable: str
) -> None:
    """Without this the collector or the tracker is blamed, and restarted, for what a variable does."""
    _, hop, cause = WRONG[variable]
    ill = misled[variable]
    assert ill.returncode == 1
    assert f"First broken hop: {hop}" in ill.stdout
    assert cause in ill.stdout
