"""uvicorn's HTTP protocol with two more limits: the size of a request's head, and the time to receive it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["BoundedProtocol", "Report", "bounded_protocol", "no_report"]

# Receives the status of a refusal; returns the trace id for the response, or an empty text.
Report = Callable[[HTTPStatus], str]

# Request line and headers; ours have a token of 400 bytes and a few short lines.
MAX_HEAD_BYTES = 16 * 1024
# From the connection, or from the first byte of a further request on it, to the end of the headers.
HEAD_SECONDS = 10.0


def no_report(_status: HTTPStatus) -> str:
    """The report function of a server without telemetry."""
    return ""


def bounded_protocol(report: Report) -> type[BoundedProtocol]:
    """Return the protocol class of a server that reports refusals to `report`."""
    return type("ReportingProtocol", (BoundedProtocol,), {"report": staticmethod(report)})


class BoundedProtocol(HttpToolsProtocol):
    """Responds with 431 to a head that is too large, 408 to one that is too slow, and 400 to one that is not HTTP."""

    report: Report = staticmethod(no_report)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head_bytes = 0
        self._in_head = False
        self._refusal = HTTPStatus.BAD_REQUEST
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            # The parser does not expose an unfinished header, so count the received bytes.
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        if self._timer is None:
            self._start_timer()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._stop_timer()
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > MAX_HEAD_BYTES:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            # The parser stops at an exception, and uvicorn then calls send_400_response.
            raise ValueError("request head too large")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Called by uvicorn when a request cannot be parsed."""
        self._refuse(self._refusal)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._on_time_over)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time_over(self) -> None:
        self._timer = None
        if self._in_head:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        trace_id = self.report(status)
        told = {"trace_id": trace_id} if trace_id else {}
        body = json.dumps({"type": "about:blank", "title": status.phrase, "status": status.value, **told}).encode()
        head = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            "content-type: application/problem+json",
            f"content-length: {len(body)}",
            *([f"x-trace-id: {trace_id}"] if trace_id else []),
            "connection: close",
        ]
        self.transport.write("\r\n".join([*head, "", ""]).encode("ascii") + body)
        self.transport.close()
