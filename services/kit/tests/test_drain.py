"""A service that is stopped serves on for DRAIN_SECONDS, and asks clients to open other connections."""

from __future__ import annotations

import signal
import time

import httpx

from testing.process import running_service, until

DRAIN_SECONDS = 2.0


def test_a_stopped_service_serves_on_and_closes_connections_after_a_response() -> None:
    """Without this, a request on a connection that the server is just closing fails."""
    with running_service("acquirer", {"DRAIN_SECONDS": str(DRAIN_SECONDS)}) as service, httpx.Client() as client:
        assert "connection" not in client.get(f"{service.url}/livez").headers
        service.process.send_signal(signal.SIGTERM)
        stopped = time.monotonic()
        until(lambda: client.get(f"{service.url}/livez").headers.get("connection") == "close", "the last response")
        assert service.process.wait(20) == 0
        assert time.monotonic() - stopped >= DRAIN_SECONDS
