"""Abnormal request heads, sent to a real server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from kit import protocol
from testing.process import until


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("served")(scope, receive, send)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The address of a server that allows half a second for a head."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    reporting = protocol.bounded_protocol(lambda status: f"trace of {status.value}")
    config = uvicorn.Config(_application, http=reporting, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    until(lambda: server.started, "the server has started")
    yield listener.getsockname()
    server.should_exit = True
    thread.join(10)
    listener.close()


def _talk(address: tuple[str, int], *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send the pieces. Returns everything received until the server closes the connection, or is silent for 3 s."""
    with socket.create_connection(address, timeout=3) as connection:
        said = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(pause)
            while data := connection.recv(65536):
                said += data
        except (TimeoutError, ConnectionError):
            pass
        return said


def test_ordinary_request_is_served_and_its_connection_kept(address: tuple[str, int]) -> None:
    one = b"GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n"
    assert _talk(address, one, one, last).count(b"served") == 3


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: sandbox\r\n" + b"X-Flood: flood\r\n" * 5_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: sandbox\r\nX-Flood: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: sandbox\r\n\r\n",
    ],
    ids=["many headers", "one long header", "a long address"],
)
def test_head_that_is_too_large_is_refused_with_431(address: tuple[str, int], head: bytes) -> None:
    said = _talk(address, head)
    assert said.startswith(b"HTTP/1.1 431 ")
    assert b"application/problem+json" in said
    assert b"x-trace-id: trace of 431\r\n" in said
    assert said.endswith(b'"trace_id": "trace of 431"}')


def test_header_without_end_is_refused_while_it_arrives(address: tuple[str, int]) -> None:
    flood = [b"GET / HTTP/1.1\r\nHost: sandbox\r\nX-Flood: "] + [b"x" * 4096] * 5
    assert _talk(address, *flood, pause=0.02).startswith(b"HTTP/1.1 431 ")


def test_head_that_takes_too_long_is_refused_with_408(address: tuple[str, int]) -> None:
    said = _talk(address, b"GET / HTTP/1.1\r\n", *[b"X-Slow: 1\r\n"] * 2, pause=0.1)
    assert said.startswith(b"HTTP/1.1 408 ")


def test_second_request_of_a_connection_may_not_be_slow_either(address: tuple[str, int]) -> None:
    served = b"GET / HTTP/1.1\r\nHost: sandbox\r\n\r\n"
    said = _talk(address, served, b"GET / HTTP/1.1\r\n", *[b"X-Slow: 1\r\n"] * 2, pause=0.1)
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in said


def test_connection_that_says_nothing_is_closed(address: tuple[str, int]) -> None:
    started = time.monotonic()
    assert _talk(address) == b""
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\x02\x00\x01", b"BREW / HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http_is_refused_with_400(address: tuple[str, int], noise: bytes) -> None:
    said = _talk(address, noise)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in said
