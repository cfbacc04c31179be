"""The sample service in this process, and its captured telemetry."""

import asyncio
import gzip
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.append(str(HERE))

Result = TypeVar("Result")


class Collector:
    """Accepts OTLP over HTTP, with the response `status`, and error events; stores span names and event bodies."""

    def __init__(self, port: int = 0) -> None:
        self.status, self.delay, self.names, self.headers = 200, 0.0, [], {}
        self.events: list[bytes] = []
        self.bodies: list[bytes] = []
        self.spans: list[Span] = []
        self.resource: dict[str, str] = {}
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers["content-encoding"] == "gzip":
                    body = gzip.decompress(body)
                time.sleep(collector.delay)
                if "envelope" in self.path:
                    collector.events.append(body)
                elif collector.status == 200:
                    request = ExportTraceServiceRequest.FromString(body)
                    for group in request.resource_spans:
                        collector.resource |= {one.key: one.value.string_value for one in group.resource.attributes}
                    scopes = [scope for group in request.resource_spans for scope in group.scope_spans]
                    collector.bodies.append(body)
                    collector.spans += [span for scope in scopes for span in scope.spans]
                    collector.names = [span.name for span in collector.spans]
                    collector.headers = dict(self.headers)
                self.send_response(collector.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Client:
    """Sends requests to the sample service, with one event loop per call."""

    def run(self, action: Callable[[httpx.AsyncClient], Awaitable[Result]]) -> Result:
        from sampleshop.app import app

        async def inside() -> Result:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
                return await action(client)

        return asyncio.run(inside())

    def send(self, method: str, path: str, **options: object) -> httpx.Response:
        return self.run(lambda client: client.request(method, path, **options))

    def get(self, path: str, **options: object) -> httpx.Response:
        return self.send("GET", path, **options)

    def post(self, path: str, **options: object) -> httpx.Response:
        return self.send("POST", path, **options)


@pytest.fixture
def shop() -> Client:
    return Client()


@pytest.fixture
def seen(shop: Client) -> Iterator["sandbox_telemetry.testing.Captured"]:  # noqa: F821
    import sampleshop.app  # noqa: F401 (starts the telemetry)

    import sandbox_telemetry

    with sandbox_telemetry.capture() as captured:
        yield captured


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()
