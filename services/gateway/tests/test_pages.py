"""The welcome page, and the routes that fail on purpose."""

from __future__ import annotations

import re

import httpx
import pytest

from gateway.tests.conftest import problem, running_gateway
from gateway.welcome import render
from testing.process import Running, until


def test_welcome_page_links_to_every_part_of_the_stack(api: httpx.Client) -> None:
    answer = api.get("/")
    assert answer.headers["Content-Type"].startswith("text/html")
    ports = set(re.findall(r"http://127\.0\.0\.1:(\d+)", answer.text))
    assert ports == {"8000", "9090", "9093", "3100", "3200", "3000", "8800", "8025"}
    assert "{{" not in answer.text


def test_welcome_page_follows_the_ports_of_the_stack() -> None:
    page = render("grafana=13000, prometheus=19090,broken,x=<script>")
    assert "http://127.0.0.1:13000/" in page
    assert "http://127.0.0.1:19090/" in page
    assert "<script>" not in page


@pytest.mark.parametrize("service", ["gateway", "auth"])
def test_deliberate_failure_is_a_500_in_the_service_named(
    api: httpx.Client, gateway: Running, auth: Running, service: str
) -> None:
    answer = api.post(f"/api/debug/{service}/error")
    assert problem(answer) == (500, "internal")
    failed = {"gateway": gateway, "auth": auth}[service]

    def errors() -> list[str]:
        return [line["error_type"] for line in failed.lines_of(answer) if line.get("event") == "http.error"]

    until(errors, f"{service} has reported its failure")
    assert errors() == ["RuntimeError"]


@pytest.mark.parametrize("service", ["gateway", "auth"])
def test_values_of_a_deliberate_failure_are_in_no_line_of_any_service(
    api: httpx.Client, gateway: Running, auth: Running, service: str
) -> None:
    body = {"text": "canary of a text", "breadcrumb": "canary of a crumb", "parameter": "canary of a parameter"}
    answer = api.post(f"/api/debug/{service}/error", json=body)
    assert problem(answer) == (500, "internal")
    failed = {"gateway": gateway, "auth": auth}[service]

    def stacks() -> list[str]:
        return [line["stack_trace"] for line in failed.lines_of(answer) if line.get("event") == "http.error"]

    until(stacks, f"{service} has reported its failure")
    # The body has reached its destination: only a failure with values has a cause.
    assert "which was caused by" in stacks()[0]
    assert not [one for one in (gateway, auth) if "canary" in one.logs.read_text()]
    assert "canary" not in answer.text


def test_probe_of_the_doctor_is_reported_as_an_error_and_answered_as_none(gateway: Running, auth: Running) -> None:
    for running in (gateway, auth):
        answer = httpx.post(f"{running.url}/debug/probe")
        assert answer.status_code == 204

        def reported(running: Running = running, answer: httpx.Response = answer) -> list[str]:
            lines = running.lines_of(answer)
            return [line["error_type"] for line in lines if line.get("level") == "ERROR"]

        until(reported, "the probe is reported")
        assert reported() == ["kit.failure.DoctorProbe"]


def test_only_our_own_services_can_be_made_to_fail(api: httpx.Client) -> None:
    assert problem(api.post("/api/debug/acquirer/error")) == (422, "invalid-request")


def test_production_has_no_routes_that_fail(auth: Running) -> None:
    with running_gateway(auth.url, 9, DEPLOYMENT_ENVIRONMENT="prod") as (_, api):
        for path in ("/api/debug/gateway/error", "/api/debug/auth/error", "/debug/error", "/debug/probe"):
            assert api.post(path).status_code == 404
