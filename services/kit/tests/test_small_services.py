"""The small programs log and reject settings as the services do: the same lines, the same variables."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox_telemetry.names import MANDATORY_FIELDS
from testing.process import running_service, until

SERVICES = Path(__file__).resolve().parents[2]
NEEDED = {
    "acquirer": {},
    "customer": {"GATEWAY_URL": "http://127.0.0.1:9"},
    "relay": {"ALERTMANAGER_URL": "http://127.0.0.1:9", "RUNBOOKS_URL": "http://127.0.0.1:9/user"},
    "heartbeat": {"SMTP_ADDRESS": "127.0.0.1:9", "MAIL_TO": "a@sandbox.test", "FIRST_PATIENCE_SECONDS": "0.1"},
}
WRONG = {
    "acquirer": ("LOG_LEVEL", "LOUD"),
    "customer": ("GATEWAY_URL", "portal:8000"),
    "relay": ("ALERT_MINUTES", "forever"),
    "heartbeat": ("MAIL_TO", "nobody"),
}


def ended(name: str, **variables: str) -> tuple[int, list[dict]]:
    """Return exit status and log lines of a program that must not start."""
    done = subprocess.run(
        [sys.executable, "-m", name, "--bind=127.0.0.1:0"],
        env={"PYTHONPATH": str(SERVICES), **NEEDED[name], **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]


@pytest.mark.parametrize("name", NEEDED)
def test_setting_that_is_wrong_is_one_line_that_names_it_without_its_value(name: str) -> None:
    variable, value = WRONG[name]
    status, [line] = ended(name, SERVICE_VERSION="9.9.9", **{variable: value})
    assert status == 1
    assert set(MANDATORY_FIELDS) <= set(line)
    assert (line["event"], line["service"]) == ("settings.refused", name)
    assert line["reason"].startswith(variable)
    assert value not in line["reason"]


@pytest.mark.parametrize(("name", "event"), [("customer", "journey.waiting"), ("heartbeat", "mail.refused")])
def test_line_says_what_each_line_of_a_service_says(name: str, event: str) -> None:
    identity = {"SERVICE_VERSION": "9.9.9", "DEPLOYMENT_ENVIRONMENT": "staging"}
    with running_service(name, {**NEEDED[name], **identity}) as service:
        until(lambda: event in service.events(), f"{name} has written {event}")
        line = next(line for line in service.lines() if line.get("event") == event)
    assert tuple(line)[: len(MANDATORY_FIELDS)] == MANDATORY_FIELDS
    assert (line["service"], line["version"], line["environment"]) == (name, "9.9.9", "staging")
    assert "[scrubbed]" not in line.values()
