"""OTLP requests as JSON, and readers of the output of a collector that runs alone."""

import base64
import json
import secrets
import time
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from sandbox.testbench.collector import CollectorAlone

__all__ = [
    "attributes",
    "bodies",
    "counted",
    "gauge",
    "logs",
    "metrics",
    "named",
    "point",
    "serialized",
    "span",
    "stored",
    "total",
    "traces",
    "value",
]

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


def metrics(service: Any, *several: dict[str, Any], **scope: Any) -> dict[str, Any]:
    """Return a request with metrics of one service."""
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": list(several), **scope}]}]}


def point(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return a number data point with the current time."""
    now = time.time_ns()
    return {"startTimeUnixNano": str(now - 10**9), "timeUnixNano": str(now), "asInt": str(number)} | fields


def gauge(name: str, *points: dict[str, Any]) -> dict[str, Any]:
    """Return a gauge; with one point by default."""
    return {"name": name, "gauge": {"dataPoints": list(points) or [point()]}}


def total(name: str, temporality: int, *points: dict[str, Any]) -> dict[str, Any]:
    """Return a monotonic sum; temporality 0 is unspecified, 1 delta, 2 cumulative."""
    return {
        "name": name,
        "sum": {"isMonotonic": True, "aggregationTemporality": temporality, "dataPoints": list(points)},
    }


def named(collector: CollectorAlone, marker: str) -> list[dict[str, Any]]:
    """Return the exported spans whose name contains this text."""
    return [one for one in collector.spans() if marker in one["name"]]


def bodies(collector: CollectorAlone, service: str) -> list[dict[str, Any]]:
    """Return the exported log records of a service."""
    return [record for resource, record in collector.records() if resource["service.name"] == service]


def stored(collector: CollectorAlone, service: str) -> dict[str, list[dict[str, Any]]]:
    """Return the data points of each metric of a service, the newest export last."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in collector.of("resourceMetrics"):
        if {"key": "service.name", "value": {"stringValue": service}} not in one["resource"]["attributes"]:
            continue
        for metric in (each for scope in one["scopeMetrics"] for each in scope["metrics"]):
            for kind in ("gauge", "sum", "histogram"):
                found.setdefault(metric["name"], []).extend(metric.get(kind, {}).get("dataPoints", ()))
    return found


def counted(collector: CollectorAlone, what: str, service: str) -> dict[tuple[str, str], int]:
    """Return (signal, reason) -> discarded or truncated items of a sender, as Prometheus stores them."""
    counts = {}
    for one in stored(collector, "otel-collector").get(f"collector.items.{what}", ()):
        labels = {item["key"]: item["value"]["stringValue"] for item in one["attributes"]}
        if labels["service"] == service:
            counts[labels["signal"], labels["reason"]] = int(one["asInt"])
    return counts


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
