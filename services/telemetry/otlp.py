"""Spans as OTLP protobuf bytes, scrubbed on the way: a quarter of what the library's encoder and a copy would cost.

An attribute, a name, a resource looks the same in almost every span, so its bytes are made once and remembered, those
of a call's description all together; a span is then little more than a join. Tests hold the result against the
library's encoder.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode

from telemetry import policy
from telemetry.calls import CallDescription, CallSpan

# Flags of a span beyond the W3C byte: "it is known whether the parent is remote", and "it is".
_LOCAL_PARENT, _REMOTE_PARENT = 0x100, 0x300
_TIMES = struct.Struct("<cQcQ").pack


def encode(spans: Iterable[ReadableSpan]) -> bytes:
    """An ExportTraceServiceRequest with these spans."""
    groups: dict[tuple[int, int], list[ReadableSpan]] = {}
    for span in spans:
        groups.setdefault((id(span.resource), id(span.instrumentation_scope)), []).append(span)
    return b"".join(_field(0x0A, _resource_spans(group)) for group in groups.values())


def _resource_spans(spans: Sequence[ReadableSpan]) -> bytes:
    scope = spans[0].instrumentation_scope
    schema = _text(scope.schema_url) if scope and scope.schema_url else b""
    body = [_field(0x0A, _scope(scope)), *(_field(0x12, _span(span)) for span in spans)]
    if schema:
        body.append(_field(0x1A, schema))
    return _resource(spans[0].resource) + _field(0x12, b"".join(body))


def _span(span: ReadableSpan) -> bytes:
    context, parent = span.context, span.parent
    parts = [b"\x0a\x10", context.trace_id.to_bytes(16, "big"), b"\x12\x08", context.span_id.to_bytes(8, "big")]
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id.to_bytes(8, "big"))
    parts.append(_TIMES(b"\x39", span.start_time or 0, b"\x41", span.end_time or 0))
    if isinstance(span, CallSpan):
        parts.append(_call(span.description))
    else:
        parts += _described(span.name, span.kind, span.attributes or {}, span.status.status_code)
        parts += [_field(0x5A, _event(event)) for event in span.events]
    parts.append(_flags(parent is not None and parent.is_remote))
    return b"".join(parts)


# As many as a service has statements and destinations; `telemetry.statements` remembers no more either.
@lru_cache(maxsize=1024)
def _call(description: CallDescription) -> bytes:
    status = StatusCode.ERROR if description.failed else StatusCode.UNSET
    return b"".join(_described(description.name, SpanKind.CLIENT, description.attributes, status))


def _described(name: str, kind: SpanKind, attributes: Mapping[str, Any], status: StatusCode) -> Iterator[bytes]:
    yield _name_and_kind(name, kind.value)
    dropped = policy.NOT_FROM[kind]
    for key, value in attributes.items():
        if key not in dropped:
            yield _attribute(0x4A, key, _hashable(value))
    yield _status(status.value)


def _event(event: Event) -> bytes:
    attributes = b"".join(_attribute(0x1A, key, _hashable(value)) for key, value in (event.attributes or {}).items())
    name = _text(policy.scrub_text(event.name))
    return b"\x09" + struct.pack("<Q", event.timestamp) + _field(0x12, name) + attributes


@lru_cache(maxsize=1024)
def _name_and_kind(name: str, kind: int) -> bytes:
    # The API counts kinds from 0, the protocol keeps 0 for "unspecified".
    return _field(0x2A, _text(policy.scrub_text(name))) + bytes((0x30, kind + 1))


@cache
def _status(code: int) -> bytes:
    return _field(0x7A, bytes((0x18, code)) if code else b"")


@cache
def _flags(remote_parent: bool) -> bytes:
    return b"\x85\x01" + struct.pack("<I", _REMOTE_PARENT if remote_parent else _LOCAL_PARENT)


@lru_cache(maxsize=8)
def _resource(resource: Resource) -> bytes:
    return _field(0x0A, _trusted(0x0A, resource.attributes))


@lru_cache(maxsize=64)
def _scope(scope: InstrumentationScope | None) -> bytes:
    if scope is None:
        return b""
    version = _field(0x12, _text(scope.version)) if scope.version else b""
    return _field(0x0A, _text(scope.name)) + version


def _trusted(tag: int, attributes: Mapping[str, Any]) -> bytes:
    return b"".join(_field(tag, _key_value(key, value)) for key, value in attributes.items())


# Typed, because True, 1 and 1.0 are equal and would share their bytes.
@lru_cache(maxsize=8192, typed=True)
def _attribute(tag: int, key: str, value: Any) -> bytes:
    kept = policy.span_attribute(key, value)
    return b"" if kept is None else _field(tag, _key_value(key, kept))


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _key_value(key: str, value: Any) -> bytes:
    return _field(0x0A, _text(key)) + _field(0x12, _any_value(value))


def _any_value(value: Any) -> bytes:
    if isinstance(value, str):
        return _field(0x0A, _text(value))
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, float):
        return b"\x21" + struct.pack("<d", value)
    return _field(0x2A, b"".join(_field(0x0A, _any_value(item)) for item in value))


def _text(text: str) -> bytes:
    return policy.storable(text).encode()


def _field(tag: int, payload: bytes) -> bytes:
    return bytes((tag,)) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
