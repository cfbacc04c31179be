"""The odd shop behind a real server: broken connections, and the server's own lines about an application."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from sandbox_telemetry.names import MANDATORY_FIELDS
from testing.process import free_port, running_service, until

SERVICES = Path(__file__).resolve().parents[2]
CANARY = "jane.canary"
PATHS = {"PYTHONPATH": os.pathsep.join([str(SERVICES), str(Path(__file__).parent)])}
COUNT = "http_server_request_duration_seconds_count"


@pytest.fixture
def running(collector):
    variables = {
        **PATHS,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "SENTRY_DSN": collector.url.replace("://", "://key@") + "/1",
    }
    with running_service("oddshop", variables) as service:
        yield service


def talk(service, head, *, answer=b""):
    """Send `head`, wait for a response that contains `answer`, and close the connection; return what was received."""
    address, said = httpx.URL(service.url), b""
    with socket.create_connection((address.host, address.port), timeout=10) as connection:
        connection.sendall(head)
        while answer and answer not in said and (data := connection.recv(65536)):
            said += data
    return said


def access_line(service):
    """Return the access line of the only request."""
    found = []

    def written():
        found[:] = [line for line in service.lines() if line.get("event") == "http.access"]
        return bool(found)

    until(written, "the access line is written")
    (line,) = found
    return line


def errors(lines):
    return [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]


def test_stream_that_breaks_ends_the_connection_and_is_told_once(running, collector):
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{running.url}/stream")
    line = access_line(running)
    assert (line["http_response_status_code"], line["error_type"]) == (200, "RuntimeError")
    assert running.sample(COUNT, http_route="/stream", http_response_status_code="200", error_type="RuntimeError") == 1
    assert running.sample("telemetry_log_lines_total", level="ERROR") == 1
    assert running.stop() == 0
    (error,) = errors(running.lines())
    assert (error["event"], error["traceId"]) == ("http.error", line["traceId"])
    (event,) = collector.events
    assert line["traceId"].encode() in event
    assert CANARY.encode() not in event
    assert collector.names == ["GET /stream"]


@pytest.mark.parametrize(
    ("head", "answer", "status"),
    [
        (b"GET /endless HTTP/1.1\r\nHost: odd\r\n\r\n", b"tick", 200),
        (b"POST /reads HTTP/1.1\r\nHost: odd\r\nContent-Length: 100\r\n\r\nsome", b"", 499),
        (b"GET /hangs HTTP/1.1\r\nHost: odd\r\n\r\n", b"", 200),
    ],
    ids=["in a stream", "in its own body", "before the answer"],
)
def test_client_that_goes_away_is_no_failure(running, collector, head, answer, status):
    talk(running, head, answer=answer)
    line = access_line(running)
    assert line["http_response_status_code"] == status
    assert running.sample(COUNT, http_response_status_code=str(status), error_type="") == 1
    assert running.stop() == 0
    assert errors(running.lines()) == collector.events == []
    assert len(collector.names) == 1


def test_old_client_is_one_request(running, collector):
    said = talk(running, b"GET /v1/items/7 HTTP/1.0\r\n\r\n", answer=b"}")
    line = access_line(running)
    assert f"x-trace-id: {line['traceId']}".encode() in said
    assert line["http_route"] == "/v1/items/{item}"
    assert running.stop() == 0
    assert collector.names == ["GET /v1/items/{item}"]


def test_request_for_another_protocol_is_answered_and_explained_once(running):
    upgrade = b"GET /ws/7 HTTP/1.1\r\nHost: odd\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    said = [talk(running, upgrade, answer=b"\r\n\r\n") for _ in range(3)]
    assert {answer.split(b"\r\n")[0] for answer in said} == {b"HTTP/1.1 404 Not Found"}
    until(lambda: running.events().count("http.access") == 3, "three access lines are written")
    explained = [line for line in running.lines() if "WebSocket library" in line["message"]]
    assert [line["level"] for line in explained] == ["WARNING"]


@pytest.mark.parametrize("moment", ["start", "stop"])
def test_lifespan_that_fails_is_one_line_and_one_event_without_its_text(collector, moment):
    variables = {**PATHS, "ODDSHOP_FAILS": moment, "SENTRY_DSN": collector.url.replace("://", "://key@") + "/1"}
    if moment == "stop":
        with running_service("oddshop", variables) as service:
            assert service.stop() == 0
            output = service.logs.with_name("output").read_text()
    else:
        environment = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none", **variables}
        command = [sys.executable, "-m", "oddshop", f"--bind=127.0.0.1:{free_port()}"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode != 0
        output = ended.stdout + ended.stderr
    lines = [json.loads(line) for line in output.splitlines()]
    (error,) = errors(lines)
    assert (error["event"], error["level"], error["error_type"]) == ("service.crashed", "CRITICAL", "RuntimeError")
    assert "in lifespan" in error["stack_trace"]
    assert CANARY not in output
    assert len(collector.events) == 1
    assert b"service.crashed" in collector.events[0]


def test_log_level_reaches_access_lines():
    with running_service("oddshop", {**PATHS, "LOG_LEVEL": "WARNING"}) as service:
        assert httpx.get(f"{service.url}/v1/items/7").status_code == 200
        assert httpx.get(f"{service.url}/v1/fails/7").status_code == 500
        assert service.sample(COUNT) == 2
        assert service.stop() == 0
        assert [line["event"] for line in service.lines()] == ["http.error"]


def test_application_under_a_server_of_ones_own_logs_json_and_each_request_once(tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "oddshop.app:app", f"--port={port}"]
    variables = {"PATH": os.environ["PATH"], "OTEL_TRACES_EXPORTER": "none", "LOG_DIRECTORY": str(tmp_path), **PATHS}
    with (tmp_path / "output").open("wb") as sink:
        process = subprocess.Popen(command, env=variables, stdout=sink, stderr=subprocess.STDOUT)
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/livez"), "the server answers", within=30)
        assert httpx.get(f"http://127.0.0.1:{port}/v1/items/7").status_code == 200
        assert httpx.get(f"http://127.0.0.1:{port}/v1/fails/7").status_code == 500
    finally:
        process.terminate()
        process.wait(15)
    lines = [json.loads(line) for line in (tmp_path / "output").read_text().splitlines()]
    assert all(set(MANDATORY_FIELDS) <= set(line) for line in lines)
    assert [line.get("event") for line in lines].count("http.access") == 2
    assert [line["event"] for line in errors(lines)] == ["http.error"]


def _answers(url):
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
