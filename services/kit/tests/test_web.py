"""Probes, problem details, the body limit, settings and the command line, without any telemetry."""

import asyncio
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr, ValidationError

from kit import Problem, configure, parse_bind
from kit.web import MAX_BODY_BYTES
from sandbox_telemetry.settings import Environment, ServiceSettings

PROBE = Path(__file__).resolve().parents[2] / "probe.py"


class Card(BaseModel):
    number: int


def application(ready=None) -> FastAPI:
    app = configure(FastAPI(), ready=ready, trace_id=lambda: "cafe")

    @app.post("/cards")
    async def cards(card: Card) -> dict[str, int]:
        return {"number": card.number}

    @app.get("/taken")
    async def taken() -> None:
        raise Problem(409, "taken", "Somebody was faster.", headers={"Retry-After": "1"}, owner="x")

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError("secret")

    return app


def send(app, method, path, **options):
    async def inside():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://kit.test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(inside())


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/taken", 409, "urn:problem:taken"),
        ("GET", "/fails", 500, "urn:problem:internal"),
        ("GET", "/nowhere", 404, "about:blank"),
        ("PUT", "/cards", 405, "about:blank"),
        ("POST", "/cards", 422, "urn:problem:invalid-request"),
    ],
)
def test_every_error_is_a_problem_object_with_the_trace_id(method, path, status, kind):
    answer = send(application(), method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["type"], problem["trace_id"]) == (
        status,
        status,
        kind,
        "cafe",
    )
    assert "secret" not in answer.text


def test_problem_carries_its_headers_and_further_members():
    answer = send(application(), "GET", "/taken")
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["owner"] == "x"


def test_invalid_request_names_the_field_and_never_repeats_the_input():
    answer = send(application(), "POST", "/cards", json={"number": "4111-secret"})
    assert answer.json()["errors"] == [{"field": "body.number", "reason": "int_parsing"}]
    assert "4111" not in answer.text


def test_declared_and_undeclared_bodies_over_the_limit_are_refused():
    async def stream():
        for _ in range(3):
            yield b"x" * (MAX_BODY_BYTES // 2)

    for content in (b"x" * (MAX_BODY_BYTES + 1), stream()):
        answer = send(application(), "POST", "/cards", content=content)
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:problem:body-too-large")


def test_readiness_follows_its_check_and_liveness_does_not():
    async def broken():
        raise ConnectionError("postgres://user:secret@db")

    answer = send(application(broken), "GET", "/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "reason": "ConnectionError"})
    assert send(application(broken), "GET", "/livez").status_code == 200
    assert send(application(), "GET", "/readyz").status_code == 200


class Settings(ServiceSettings):
    database_url: SecretStr = SecretStr("")


def test_sandbox_credentials_are_refused_in_prod_and_only_there(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:sandbox-only-password@db/x")
    assert Settings().deployment_environment is Environment.DEV
    monkeypatch.setenv("DEPLOYMENT_ENVIRONMENT", "prod")
    with pytest.raises(ValidationError, match="DATABASE_URL") as refused:
        Settings()
    assert "sandbox-only-password" not in str(refused.value)


@pytest.mark.parametrize(("text", "address"), [("0.0.0.0:8000", ("0.0.0.0", 8000)), ("[::1]:80", ("::1", 80))])
def test_bind_address_is_read_from_the_command_line(text, address):
    assert parse_bind([f"--bind={text}"]) == address


@pytest.mark.parametrize("text", ["8000", ":8000", "host:port", "host:99999", ""])
def test_bind_address_that_is_none_is_refused_with_an_example(text, capsys):
    with pytest.raises(SystemExit):
        parse_bind([f"--bind={text}"])
    assert "HOST:PORT" in capsys.readouterr().err


def _probe(url: str) -> tuple[int, str]:
    """Run the health check as a container does; return its exit status and its message."""
    done = subprocess.run([sys.executable, "-IS", str(PROBE), url], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(
    ("response", "code", "reason"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 0, ""),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", 0, ""),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 1, "HTTP/1.1 503 Service Unavailable"),
        (b"HTTP/1.1 302 Found\r\n\r\n", 1, "HTTP/1.1 302 Found"),
        (b"hello 200\r\n", 1, "hello 200"),
        (b"HTTP/1.1\r\n", 1, "HTTP/1.1"),
        (b"", 1, "no response"),
    ],
)
def test_probe_succeeds_only_on_a_status_of_2xx_and_otherwise_says_why(response: bytes, code: int, reason: str) -> None:
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1000))
                connection.sendall(response)

        thread = threading.Thread(target=serve)
        thread.start()
        ended = _probe(f"http://127.0.0.1:{server.getsockname()[1]}/readyz")
        thread.join()

    assert ended[0] == code
    assert reason in ended[1]
    assert asked[0].startswith(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1:")


def test_probe_fails_with_the_address_where_nothing_listens() -> None:
    code, reason = _probe("http://127.0.0.1:9/readyz")
    assert code == 1
    assert "127.0.0.1:9" in reason
