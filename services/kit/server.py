"""The command line of a service (`python -m payments --bind=0.0.0.0:8002`) and the server behind it."""

import argparse
import gc
import signal
from collections.abc import Sequence
from socket import socket
from types import FrameType
from typing import Any

import uvicorn

from kit.protocol import Report, bounded_protocol, no_report

# Below the ten seconds that Compose waits between SIGTERM and SIGKILL, with room for the last flush of telemetry.
GRACEFUL_SHUTDOWN_SECONDS = 5


def parse_bind(argv: Sequence[str] | None = None) -> tuple[str, int]:
    """The address from `--bind=HOST:PORT`; exits with a message when it is not one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", required=True, type=_address, metavar="HOST:PORT", help="where to listen")
    bind: tuple[str, int] = parser.parse_args(argv).bind
    return bind


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:8000")
    return host.strip("[]"), int(port)


# Objects made and not yet freed before the youngest are looked through for cycles. A payment makes thousands that are
# freed by themselves: with Python's 700 it is interrupted several times, and what telemetry makes adds to it.
GARBAGE_THRESHOLD = 10_000


class _Server(uvicorn.Server):
    """Leaves what the start made, which lives as long as the process, out of every later garbage collection."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)


def run_server(app: str, bind: tuple[str, int], *, report_refusal: Report = no_report, **options: Any) -> bool:
    """Serve the ASGI application named `module:attribute` until SIGTERM or SIGINT; one process, one event loop.

    `report_refusal` is told the status of each request that is refused before the application could see it. Returns
    whether the application ever started. The second signal handling below exists because uvicorn raises the signal
    again after its own shutdown, which would end the process before the last telemetry is flushed.
    """
    config = uvicorn.Config(
        app,
        host=bind[0],
        port=bind[1],
        loop="uvloop",
        http=bounded_protocol(report_refusal),
        # asyncio can hand a task's context to later requests of a connection, and they would join that task's trace.
        reset_contextvars=True,
        # Where a library for them is installed; a service that has no sockets does without one.
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
