"""Rebuilds browsers' reports with only what the policy allows: anybody can send anything to a public route.

The browser's own code applies the same lists first (services/frontend/platform/policy.json).
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox_telemetry import names, policy

__all__ = ["Envelope", "Rejected", "rebuild_event", "rebuild_spans", "rebuild_transaction", "unpack_envelope"]

EVENT_KEYS = ("timestamp", "level", "platform", "environment", "transaction")
FRAME_KEYS = ("filename", "function", "lineno", "colno", "in_app")
IMAGE_KEYS = ("type", "debug_id", "code_file")
TAGS = ("event", "service", "team", "trace_id")
TRANSACTION_TIMES = ("start_timestamp", "timestamp")
TRANSACTION_KEYS = (*TRANSACTION_TIMES, "platform", "environment", "transaction")
SPAN_KEYS = ("trace_id", "span_id", "parent_span_id", "op", "status", "start_timestamp", "timestamp")
SPAN_KINDS = frozenset({1, 3})  # Internal and client, the only kinds that a browser creates.

_MAX_EXCEPTIONS, _MAX_FRAMES, _MAX_IMAGES, _MAX_SPANS, _MAX_ATTRIBUTES = 5, 50, 50, 256, 16
# A browser's clock may be hours off; a report with a span that is further off is rejected.
_CLOCK_SECONDS = 24 * 3600
_TEXT = 200
_RELEASE = re.compile(r"[a-z-]{1,40}@[\w.+-]{1,40}").fullmatch
_UNITS = frozenset({"millisecond", "second", "byte", "ratio", "none", ""})
_MEASUREMENT = re.compile(r"[a-z][a-z.\-_]{0,40}").fullmatch
_VERSION = re.compile(r"[\w.+-]{1,40}").fullmatch
_TRACE_ID, _SPAN_ID = re.compile(r"[0-9a-f]{32}").fullmatch, re.compile(r"[0-9a-f]{16}").fullmatch


class Rejected(ValueError):
    """The body is not what our pages send. The message names the reason and quotes nothing from the body."""


class Envelope:
    """A Sentry envelope with one event or transaction (`kind`); `dsn` is its destination."""

    def __init__(self, dsn: str, kind: str, event: dict[str, Any]) -> None:
        self.dsn, self.kind, self.event = dsn, kind, event

    @property
    def spans(self) -> int:
        """Return the number of spans of a transaction, its root included."""
        return 1 + len(self.event.get("spans", []))

    def pack(self) -> bytes:
        """Return the envelope as bytes, with nothing in it but the event."""
        header = {"event_id": self.event["event_id"], "dsn": self.dsn}
        return b"\n".join(_dump(part) for part in (header, {"type": self.kind}, self.event)) + b"\n"


def unpack_envelope(body: bytes, transactions: bool = False) -> Envelope:
    """Return the envelope with its rebuilt event (or transaction, if `transactions` is set). Other items are dropped.

    Raises Rejected.
    """
    rebuild = {"event": rebuild_event, **({"transaction": rebuild_transaction} if transactions else {})}
    header, *rest = body.split(b"\n")
    dsn = _object(header).get("dsn")
    if not isinstance(dsn, str):
        raise Rejected("the envelope names no DSN")
    for item, payload in zip(rest[::2], rest[1::2], strict=False):
        kind = _object(item).get("type")
        if isinstance(kind, str) and kind in rebuild:
            return Envelope(dsn, kind, rebuild[kind](_object(payload)))
    raise Rejected("the envelope has no event")


def rebuild_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new event with the keys that the policy allows. Raises Rejected if it is not from our frontend."""
    kept = _common(event, EVENT_KEYS)
    trace = _mapping(_mapping(event.get("contexts")).get("trace"))
    ids = str(trace.get("trace_id", "")), str(trace.get("span_id", ""))
    if _TRACE_ID(ids[0]) and _SPAN_ID(ids[1]):
        kept["contexts"] = {"trace": {"trace_id": ids[0], "span_id": ids[1], "type": "trace"}}
    kept["exception"] = {
        "values": [_exception(value) for value in _mappings(_mapping(event.get("exception")).get("values"))][
            -_MAX_EXCEPTIONS:
        ]
    }
    images = _mappings(_mapping(event.get("debug_meta")).get("images"))[:_MAX_IMAGES]
    kept["debug_meta"] = {"images": [_only(image, IMAGE_KEYS) for image in images]}
    return kept


def rebuild_transaction(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new transaction: durations only, without the addresses of requests. Raises Rejected."""
    kept = _common(event, TRANSACTION_KEYS)
    contexts = _mapping(event.get("contexts"))
    spans = [_transaction_span(span) for span in (_mapping(contexts.get("trace")), *_mappings(event.get("spans")))]
    if len(spans) > _MAX_SPANS or not all(isinstance(kept.get(key), int | float) for key in TRANSACTION_TIMES):
        raise Rejected("a transaction has too many spans, or no times")
    measured = _mapping(event.get("measurements"))
    measurements = {
        name: {"value": value, "unit": unit if unit in _UNITS else ""}
        for name, given in list(measured.items())[:_MAX_ATTRIBUTES]
        if _MEASUREMENT(name)
        and isinstance(value := _mapping(given).get("value"), int | float)
        and isinstance(unit := _mapping(given).get("unit"), str)
    }
    trace, *below = spans
    return {**kept, "type": "transaction", "contexts": {"trace": trace}, "spans": below, "measurements": measurements}


def rebuild_spans(
    document: Mapping[str, Any], apps: frozenset[str], environment: str
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return an OTLP/JSON request with the spans that the policy allows, and the number of spans for each of `apps`.

    Raises Rejected if there are none, or too many.
    """
    counts: dict[str, int] = {}
    groups = []
    for group in _mappings(document.get("resourceSpans")):
        resource = _attributes(_mapping(group.get("resource")).get("attributes"))
        app, version = resource.get("service.name"), str(resource.get("service.version", ""))
        if app not in apps or not _VERSION(version):
            raise Rejected("the spans are of no frontend of ours")
        spans = [span for scope in _mappings(group.get("scopeSpans")) for span in _spans(scope.get("spans"))]
        counts[app] = counts.get(app, 0) + len(spans)
        described = {
            "service.name": app,
            "service.namespace": names.NAMESPACE,
            "service.version": version,
            "deployment.environment.name": environment,
            "telemetry.sdk.language": "webjs",
        }
        groups.append({"resource": {"attributes": _written(described)}, "scopeSpans": [{"spans": spans}]})
    if not 0 < sum(counts.values()) <= _MAX_SPANS:
        raise Rejected("no spans, or more than are taken at once")
    return {"resourceSpans": groups}, counts


def _spans(given: Any) -> Iterator[dict[str, Any]]:
    now = time.time()
    for span in _mappings(given):
        trace_id, span_id, parent = (str(span.get(key) or "") for key in ("traceId", "spanId", "parentSpanId"))
        start, end = (_nanoseconds(span.get(key)) for key in ("startTimeUnixNano", "endTimeUnixNano"))
        known = _TRACE_ID(trace_id) and _SPAN_ID(span_id) and (not parent or _SPAN_ID(parent))
        if not known or span.get("kind") not in SPAN_KINDS or abs(start / 1e9 - now) > _CLOCK_SECONDS or end < start:
            raise Rejected("a span has no proper ids, kind or times")
        attributes = {
            key: value
            for key, raw in list(_attributes(span.get("attributes")).items())[:_MAX_ATTRIBUTES]
            if (value := policy.span_attribute(key, raw)) is not None
        }
        yield {
            "traceId": trace_id,
            "spanId": span_id,
            **({"parentSpanId": parent} if parent else {}),
            "name": policy.scrub_text(str(span.get("name")), _TEXT)[:_TEXT],
            "kind": span["kind"],
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(end),
            "attributes": _written(attributes),
            "status": {"code": 2} if _mapping(span.get("status")).get("code") == 2 else {},
        }


def _common(event: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the members that events and transactions share. Raises Rejected without an id and a release."""
    # Their format is validated, which is stricter than the patterns; a release looks like a mail address to the
    # patterns.
    kept: dict[str, Any] = {"event_id": str(event.get("event_id")), "release": str(event.get("release"))}
    if not _TRACE_ID(kept["event_id"]) or not _RELEASE(kept["release"]):
        raise Rejected("the event has no id or no release")
    tags, sdk = _mapping(event.get("tags")), _mapping(event.get("sdk"))
    return kept | _only(event, keys) | {"tags": _only(tags, TAGS), "sdk": _only(sdk, ("name", "version"))}


def _transaction_span(span: Mapping[str, Any]) -> dict[str, Any]:
    parent = span.get("parent_span_id")
    ids = (
        _TRACE_ID(str(span.get("trace_id"))),
        _SPAN_ID(str(span.get("span_id"))),
        not parent or _SPAN_ID(str(parent)),
    )
    if not all(ids):
        raise Rejected("a span of a transaction has no proper ids")
    # To the patterns, ids without letters look like card numbers.
    return {
        key: span[key] if key.endswith("_id") else _short(span[key]) for key in SPAN_KEYS if _is_plain(span.get(key))
    }


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    mechanism = _mapping(value.get("mechanism"))
    frames = _mappings(_mapping(value.get("stacktrace")).get("frames"))[-_MAX_FRAMES:]
    return {
        "type": _short(value.get("type") if isinstance(value.get("type"), str) else "Error"),
        "value": "",
        "mechanism": {"type": _short(str(mechanism.get("type"))), "handled": bool(mechanism.get("handled"))},
        "stacktrace": {"frames": [_only(frame, FRAME_KEYS) for frame in frames]},
    }


def _only(given: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: _short(given[key]) for key in keys if _is_plain(given.get(key))}


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _short(value: Any) -> Any:
    return policy.scrub_value(value[:_TEXT] if isinstance(value, str) else value)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _nanoseconds(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _attributes(given: Any) -> dict[str, Any]:
    """Return OTLP/JSON's list of keys and typed values as a mapping of plain values."""
    found = {}
    for entry in _mappings(given):
        kind, value = next(iter(_mapping(entry.get("value")).items()), ("", None))
        if isinstance(entry.get("key"), str) and kind in ("stringValue", "intValue", "doubleValue", "boolValue"):
            found[entry["key"]] = int(str(value)) if kind == "intValue" and str(value).lstrip("-").isdigit() else value
    return found


def _written(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    def typed(value: Any) -> dict[str, Any]:
        if isinstance(value, bool):
            return {"boolValue": value}
        if isinstance(value, int):
            return {"intValue": str(value)}
        return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}

    return [{"key": key, "value": typed(value)} for key, value in attributes.items()]


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Rejected("a line is no JSON") from error
    if not isinstance(value, dict):
        raise Rejected("a line is no JSON object")
    return value


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
