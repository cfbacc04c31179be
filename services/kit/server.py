"""The command line of a service (`python -m payments --bind=0.0.0.0:8002`), and its server."""

import argparse
import asyncio
import gc
import os
import signal
from collections.abc import Sequence
from socket import socket
from types import FrameType
from typing import Any

import uvicorn

from kit.protocol import Report, bounded_protocol, no_report

# Less than the ten seconds between Compose's SIGTERM and SIGKILL, so that the last flush of telemetry has time.
GRACEFUL_SHUTDOWN_SECONDS = 5


def parse_bind(argv: Sequence[str] | None = None) -> tuple[str, int]:
    """Return the address in `--bind=HOST:PORT`. Exits with a message if it is not valid."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", required=True, type=_address, metavar="HOST:PORT", help="where to listen")
    bind: tuple[str, int] = parser.parse_args(argv).bind
    return bind


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:8000")
    return host.strip("[]"), int(port)


# Objects created and not yet freed before a garbage collection of the youngest generation. A payment creates thousands
# that reference counts free: with Python's default of 700, several collections interrupt it; telemetry adds to that.
GARBAGE_THRESHOLD = 10_000


class _Server(uvicorn.Server):
    """Excludes the objects of startup, which live as long as the process, from every later garbage collection."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Serve for DRAIN_SECONDS more, and ask clients to close their connections.

        A connection that is closed while its client sends the next request is a failed request.
        """
        if drain := float(os.environ.get("DRAIN_SECONDS", "0")):
            self.server_state.default_headers.append((b"connection", b"close"))
            await asyncio.sleep(drain)
        await super().shutdown(sockets)


def run_server(app: str, bind: tuple[str, int], *, report_refusal: Report = no_report, **options: Any) -> bool:
    """Serve the ASGI application named `module:attribute` until SIGTERM or SIGINT; one process, one event loop.

    `report_refusal` is called with the status of each request that is refused before it reaches the application.
    Returns whether the application started. The second signal handling below exists because uvicorn raises the signal
    again after its own shutdown, which would end the process before the last telemetry is flushed.
    """
    config = uvicorn.Config(
        app,
        host=bind[0],
        port=bind[1],
        loop="uvloop",
        http=bounded_protocol(report_refusal),
        # asyncio can pass a task's context to later requests of a connection, which would then join that task's trace.
        reset_contextvars=True,
        # Enabled if a WebSocket library is installed; services without WebSockets need none.
        ws="auto",
        lifespan="on",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        **{"access_log": False, "log_config": None, **options},
    )
    server = _Server(config)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if not server.started:
            raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    server.run()
    return server.started
