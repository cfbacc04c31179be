"""Spans, and the tree that their parent ids form."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Node", "Span", "orphans", "render", "spans_of_otlp", "tree_of"]


@dataclass(frozen=True)
class Span:
    """One stored span. Ids are lower-case hexadecimal; times are in nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    kind: str
    name: str
    start: int
    end: int
    status: str = "UNSET"
    attributes: dict[str, Any] = field(default_factory=dict)
    resource: dict[str, Any] = field(default_factory=dict)

    @property
    def is_database(self) -> bool:
        return "db.system.name" in self.attributes or "db.system" in self.attributes


@dataclass(frozen=True)
class Node:
    """A node of a trace: service and operation, and its children in order of name."""

    what: str
    below: tuple["Node", ...] = ()


def spans_of_otlp(trace: dict[str, Any]) -> list[Span]:
    """Return the spans of a trace in OTLP's JSON format (ids in base64, as in Tempo, or hexadecimal), oldest first."""
    found = []
    for group in trace.get("batches") or trace.get("resourceSpans") or []:
        resource = _attributes(group.get("resource", {}).get("attributes", []))
        for scope in group.get("scopeSpans", []):
            found += [_span(raw, resource) for raw in scope["spans"]]
    return sorted(found, key=lambda span: span.start)


def orphans(spans: Iterable[Span]) -> list[Span]:
    """Return the spans whose parent is not in the trace."""
    spans = list(spans)
    known = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id and span.parent_id not in known]


def tree_of(spans: Iterable[Span]) -> list[Node]:
    """Return the trees of the spans, one for each root (a span without a parent, or whose parent is elsewhere).

    The statements of one parent form one node, "payments database", because their number is a detail of the database
    layer.
    """
    spans = list(spans)
    known = {span.span_id for span in spans}
    below: dict[str, list[Span]] = {}
    for span in spans:
        below.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)

    def nodes(parent: str) -> tuple[Node, ...]:
        made = [(Node(_label(span), nodes(span.span_id)), span.is_database) for span in below.get(parent, [])]
        statements = {node for node, is_statement in made if is_statement}
        return tuple(sorted([node for node, is_statement in made if not is_statement] + list(statements), key=repr))

    return list(nodes(""))


def render(nodes: Iterable[Node], indent: int = 0) -> str:
    """Return the trees as indented lines, so that a difference is readable."""
    return "\n".join(
        line for node in nodes for line in ("  " * indent + node.what, render(node.below, indent + 1)) if line
    )


def _label(span: Span) -> str:
    if span.is_database:
        return f"{span.service} database"
    if span.kind == "CLIENT":
        method = span.attributes.get("http.request.method", span.name)
        return f"{span.service} CLIENT {method} to port {span.attributes.get('server.port')}"
    return f"{span.service} {span.kind} {span.name}"


def _span(raw: dict[str, Any], resource: dict[str, Any]) -> Span:
    return Span(
        trace_id=_identifier(raw["traceId"], 16),
        span_id=_identifier(raw["spanId"], 8),
        parent_id=_identifier(raw.get("parentSpanId", ""), 8),
        service=str(resource.get("service.name", "")),
        kind=raw.get("kind", "SPAN_KIND_UNSPECIFIED").removeprefix("SPAN_KIND_"),
        name=raw["name"],
        start=int(raw["startTimeUnixNano"]),
        end=int(raw["endTimeUnixNano"]),
        status=raw.get("status", {}).get("code", "STATUS_CODE_UNSET").removeprefix("STATUS_CODE_"),
        attributes=_attributes(raw.get("attributes", [])),
        resource=resource,
    )


def _identifier(text: str, size: int) -> str:
    if len(text) == 2 * size:
        return text.lower()
    return base64.b64decode(text).hex() if text else ""


def _attributes(pairs: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["key"]: _value(pair["value"]) for pair in pairs}


def _value(wrapped: dict[str, Any]) -> Any:
    kind: str
    value: Any
    [(kind, value)] = wrapped.items() if wrapped else [("stringValue", "")]
    if kind == "intValue":
        return int(value)
    if kind == "arrayValue":
        return [_value(item) for item in value.get("values", [])]
    return value
