"""OTLP requests as JSON and as protobuf."""

import base64
import json
import secrets
import time
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

__all__ = ["attributes", "logs", "serialized", "span", "traces", "value"]

MESSAGES: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


def value(raw: Any) -> dict[str, Any]:
    """Return an OTLP AnyValue as JSON."""
    match raw:
        case None:
            return {}
        case bool():
            return {"boolValue": raw}
        case int():
            return {"intValue": str(raw)}
        case float():
            return {"doubleValue": "NaN" if raw != raw else raw}
        case str():
            return {"stringValue": raw}
        case bytes():
            return {"bytesValue": base64.b64encode(raw).decode()}
        case list():
            return {"arrayValue": {"values": [value(one) for one in raw]}}
        case _:
            return {"kvlistValue": {"values": attributes(raw)}}


def attributes(named: dict[str, Any]) -> list[dict[str, Any]]:
    """Return OTLP attributes as JSON."""
    return [{"key": key, "value": value(raw)} for key, raw in named.items()]


def span(name: str = "work", **fields: Any) -> dict[str, Any]:
    """Return a server span that has just ended."""
    now = time.time_ns()
    frame = {"traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8), "kind": 2, "name": name}
    return frame | {"startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1000)} | fields


def traces(service: Any, *spans: dict[str, Any], **scope: Any) -> dict[str, Any]:
    """Return a request with spans of one service; ``scope``: additional fields of their scope."""
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans), **scope}]}]}


def logs(service: Any, *records: dict[str, Any], **scope: Any) -> dict[str, Any]:
    """Return a request with log records of one service."""
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records), **scope}]}]}


def serialized(signal: str, payload: dict[str, Any]) -> bytes:
    """Return a request as protobuf; ``signal``: traces, logs or metrics."""
    # OTLP's JSON has ids in hexadecimal, protobuf's own mapping in base64.
    message = json_format.Parse(json.dumps(_rebased(payload)), MESSAGES[signal]())
    return bytes(message.SerializeToString())


def _rebased(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(one)).decode() if key in ("traceId", "spanId") else _rebased(one)
            for key, one in value.items()
            if key != "offset"
        }
    return [_rebased(one) for one in value] if isinstance(value, list) else value
