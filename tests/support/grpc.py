"""OTLP over gRPC with curl, which supports HTTP/2: a unary call is one POST, and its status is in the trailers."""

import re
import subprocess
from typing import NamedTuple
from urllib.parse import unquote

__all__ = ["GrpcAnswer", "export"]

SERVICES = {"traces": "trace.v1.TraceService", "logs": "logs.v1.LogsService", "metrics": "metrics.v1.MetricsService"}
UNKNOWN = 2


class GrpcAnswer(NamedTuple):
    """The status of a call (0 is OK, 8 RESOURCE_EXHAUSTED, 14 UNAVAILABLE) and its message."""

    status: int
    message: str


def export(address: str, signal: str, request: bytes, announced: int | None = None) -> GrpcAnswer:
    """Send one serialized Export...Request; ``address``: host:port; ``signal``: traces, logs or metrics.

    ``announced``: the length in bytes to announce, if it differs from the request's.
    """
    url = f"http://{address}/opentelemetry.proto.collector.{SERVICES[signal]}/Export"
    headers = ["-H", "content-type: application/grpc", "-H", "te: trailers", "-H", "expect:"]
    command = ["curl", "-q", "-s", "--noproxy", "*", "--max-time", "30", "--http2-prior-knowledge", *headers]
    command += ["-D", "-", "-o", "/dev/null", "--data-binary", "@-", url]
    # A message has a prefix: one byte for "not compressed" and four for its length.
    framed = b"\0" + (len(request) if announced is None else announced).to_bytes(4, "big") + request
    seen = subprocess.run(command, input=framed, capture_output=True, check=False).stdout.decode()
    status, message = (re.search(rf"(?im)^grpc-{name}: (.*?)\r?$", seen) for name in ("status", "message"))
    return GrpcAnswer(int(status[1]) if status else UNKNOWN, unquote(message[1]) if message else seen)
