"""Every line of a process, from start to crash or shutdown, is one JSON object with the mandatory fields."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from sandbox_telemetry.names import MANDATORY_FIELDS
from sandbox_telemetry.settings import TelemetrySettings
from testing.process import running_service

SERVICES = Path(__file__).resolve().parents[2]
PATHS = {"PYTHONPATH": os.pathsep.join([str(SERVICES), str(Path(__file__).parent)])}


def parsed(output: str) -> list[dict]:
    lines = [json.loads(line) for line in output.splitlines()]
    for line in lines:
        assert set(MANDATORY_FIELDS) <= set(line), line
    return lines


def test_lines_from_start_over_failure_to_shutdown_all_parse():
    with running_service("sampleshop", {**PATHS, "SERVICE_VERSION": "9.9.9"}) as service:
        service.client.get("/null")
        service.client.post("/broken/1", json={})
        service.client.get("/libraries", params={"text": "x"})
        service.client.get("/warns", params={"text": "jane.canary@example.com"})
        service.client.post("/orders", content=b"x" * 100_000)
        assert service.stop() == 0
        output = service.logs.with_name("output").read_text()
        lines = parsed(output)
        assert output == service.logs.read_text()
    assert {line["version"] for line in lines} == {"9.9.9"}
    names = [line.get("event") for line in lines]
    assert names[0] == "service.starting"
    assert names[-1] == "service.stopped"
    assert names.count("http.access") == 5
    assert {"sqlalchemy.pool", "somebody.elses", "py.warnings", "asyncio", "uvicorn.error"} <= {
        line["logger"] for line in lines
    }
    assert "jane" not in output
    assert [line["http_response_status_code"] for line in lines if line.get("event") == "http.access"][-1] == 413


def test_killed_process_has_written_the_line_of_every_answer_it_gave():
    with running_service("sampleshop", PATHS) as service:
        for _ in range(20):
            service.client.get("/null")
        service.process.send_signal(signal.SIGKILL)
        service.process.wait(10)
        assert [line.get("event") for line in parsed(service.logs.read_text())].count("http.access") == 20


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none", **PATHS, **variables}
    command = [sys.executable, "-m", "sampleshop", "--bind=127.0.0.1:0"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_exception_while_importing_is_a_line_with_stack_and_without_its_text():
    crashed = run(SAMPLESHOP_FAILS="import")
    lines = parsed(crashed.stdout + crashed.stderr)
    assert crashed.returncode == 1
    crash = next(line for line in lines if line.get("event") == "service.crashed")
    assert crash["level"] == "CRITICAL"
    assert crash["error_type"] == "RuntimeError"
    assert "sampleshop/app.py" in crash["stack_trace"]
    assert "canary" not in crashed.stdout + crashed.stderr


def test_wrong_setting_ends_the_start_with_one_line_that_says_what_to_do():
    refused = run(LOG_LEVEL="DEBUG", DEPLOYMENT_ENVIRONMENT="prod")
    lines = parsed(refused.stdout + refused.stderr)
    assert refused.returncode == 1
    assert "LOG_LEVEL=DEBUG is not for prod" in lines[-1]["reason"]
    assert lines[-1]["event"] == "settings.refused"


def test_log_folder_that_cannot_be_written_ends_the_start_with_one_line():
    refused = run(LOG_DIRECTORY="/proc/nowhere")
    lines = parsed(refused.stdout + refused.stderr)
    assert refused.returncode == 1
    assert "LOG_DIRECTORY" in lines[-1]["reason"]
    assert lines[-1]["event"] == "settings.refused"


@pytest.mark.parametrize(
    ("variables", "expected"), [({"DEPLOYMENT_ENVIRONMENT": "production"}, "dev"), ({"LOG_LEVEL": "LOUD"}, "INFO")]
)
def test_value_that_a_setting_does_not_have_is_refused_with_those_that_it_has(monkeypatch, variables, expected):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=expected):
        TelemetrySettings()


def test_port_in_use_is_said_in_a_line_and_the_start_fails():
    with running_service("sampleshop", PATHS) as service:
        port = service.url.rpartition(":")[2]
        environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none", **PATHS}
        command = [sys.executable, "-m", "sampleshop", f"--bind=127.0.0.1:{port}"]
        second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    lines = parsed(second.stdout + second.stderr)
    assert second.returncode != 0
    assert any("address already in use" in line["message"] for line in lines)


def sending_to(url: str) -> dict[str, str]:
    return {
        **PATHS,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        # Longer than the test, so that only the flush at the end can have sent anything.
        "OTEL_BSP_SCHEDULE_DELAY": "60000",
        "SENTRY_DSN": url.replace("://", "://key@") + "/1",
    }


def test_shutdown_sends_the_spans_and_events_that_were_still_held(collector):
    with running_service("sampleshop", sending_to(collector.url)) as service:
        for _ in range(30):
            service.client.get("/null")
        service.client.post("/broken/1", json={})
        assert collector.names == []
        assert service.stop() == 0
    assert sorted(collector.names) == ["GET /null"] * 30 + ["POST /broken/{item}"]
    assert len(collector.events) == 1


def test_crash_while_importing_still_sends_its_error_event(collector):
    run(SAMPLESHOP_FAILS="import", **sending_to(collector.url))
    assert len(collector.events) == 1
    assert b"service.crashed" in collector.events[0]
    assert b"canary" not in collector.events[0]


def test_backends_that_hang_slow_no_request_and_hold_up_no_end(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        patient = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "60"}
        with running_service("sampleshop", sending_to(url) | patient) as service:
            slowest = 0.0
            with httpx.Client(base_url=service.url) as client:
                for number in range(60):
                    started = time.monotonic()
                    client.get("/null") if number % 3 else client.post("/broken/1", json={})
                    slowest = max(slowest, time.monotonic() - started)
            assert slowest < 0.8
            ending = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - ending < 9
            assert service.events()[-2:] == ["service.stopped", "telemetry.lost"]
            assert service.events().count("http.access") == 60


def test_disabled_telemetry_sends_nothing_and_serves_all_the_same(collector):
    with running_service("sampleshop", {**sending_to(collector.url), "OTEL_SDK_DISABLED": "true"}) as service:
        answer = service.client.get("/null")
        failure = service.client.post("/broken/1", json={})
        assert "http.access" not in service.events()
        assert service.stop() == 0
    assert (answer.status_code, failure.status_code) == (200, 500)
    assert "X-Trace-Id" not in answer.headers
    assert collector.names == []
    assert collector.events == []


def refusal(url: str, head: bytes) -> str:
    """Return the server's response to a head that it refuses."""
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port), timeout=5) as connection:
        connection.sendall(head)
        said = b""
        while data := connection.recv(65536):
            said += data
    return said.decode()


HEADS = {
    "431": b"GET / HTTP/1.1\r\nX-Flood: " + b"canary" * 4_000 + b"\r\n\r\n",
    "400": b"CANARY / HTTP/1.1\r\nHost: canary\r\n\r\n",
}


def test_request_that_cannot_be_read_has_its_line_its_count_and_its_trace(collector):
    to_collector = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    with running_service("sampleshop", {**PATHS, **to_collector}) as service:
        said = {status: refusal(service.url, head) for status, head in HEADS.items()}
        counted = {
            status: service.sample("http_server_refused_total", http_response_status_code=status) for status in HEADS
        }
        refused = [line for line in service.lines() if line.get("event") == "http.refused"]
        lines = {str(line["http_response_status_code"]): line for line in refused}
        assert service.stop() == 0
        text = service.logs.with_name("output").read_text()
    assert counted == dict.fromkeys(HEADS, 1)
    assert len(refused) == len(HEADS)
    for status, answer in said.items():
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert f"x-trace-id: {lines[status]['traceId']}\r\n" in answer
        assert len(lines[status]["traceId"]) == 32
    assert collector.names == ["HTTP"] * len(HEADS)
    assert "canary" not in text.lower()


def test_standard_variables_name_the_service_and_add_to_its_resource(collector):
    standard = {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_SERVICE_NAME": "corner-shop",
        "OTEL_RESOURCE_ATTRIBUTES": "host.name=till-7,service.name=ignored",
    }
    with running_service("sampleshop", {**PATHS, **standard}) as service:
        service.client.get("/null")
        lines = service.logs.with_name("corner-shop.jsonl").read_text()
        assert service.stop() == 0
    assert {line["service"] for line in parsed(lines)} == {"corner-shop"}
    assert collector.resource["service.name"] == "corner-shop"
    assert collector.resource["host.name"] == "till-7"
    assert collector.resource["deployment.environment.name"] == "dev"


def test_protocol_for_traces_alone_is_followed():
    """The package's own exporter speaks one protocol only; with another one configured, it must not be used."""
    refused = run(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="carrier/pigeon")
    assert refused.returncode == 1
    assert [line["error_type"] for line in parsed(refused.stdout + refused.stderr)] == ["RuntimeError"]
