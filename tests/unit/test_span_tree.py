"""The tree that spans form: parents, orphans, statements."""

import base64

from sandbox_testing.spans import Node, Span, orphans, render, spans_of_otlp, tree_of


def span(span_id: str, parent: str = "", *, service: str = "shop", kind: str = "SERVER", **attributes: object) -> Span:
    names = {"db.system.name": "db_system"}
    given = {name: attributes[short] for name, short in names.items() if short in attributes}
    return Span("t", span_id, parent, service, kind, f"name {span_id}", 1, 2, attributes=given)


def test_children_hang_below_their_parent_in_order_of_name() -> None:
    tree = tree_of([span("c", "a"), span("a"), span("b", "a")])
    assert render(tree) == "shop SERVER name a\n  shop SERVER name b\n  shop SERVER name c"


def test_swapped_parents_make_another_tree() -> None:
    right = [span("a"), span("b", "a"), span("c", "b")]
    wrong = [span("a"), span("b", "a"), span("c", "a")]
    assert tree_of(right) != tree_of(wrong)


def test_doubled_call_makes_another_tree() -> None:
    assert tree_of([span("a"), span("b", "a")]) != tree_of([span("a"), span("b", "a"), span("b", "a")])


def test_statements_of_one_parent_count_as_one_node() -> None:
    statements = [span(name, "a", kind="CLIENT", db_system="postgresql") for name in "bcd"]
    assert tree_of([span("a"), *statements]) == [Node("shop SERVER name a", (Node("shop database"),))]


def test_span_with_unknown_parent_is_an_orphan() -> None:
    assert [one.span_id for one in orphans([span("a"), span("b", "lost")])] == ["b"]


def test_ids_are_read_in_base64_and_in_hexadecimal() -> None:
    encoded = base64.b64encode(bytes.fromhex("00f067aa0ba902b7")).decode()
    raw = {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "spanId": encoded,
        "parentSpanId": "",
        "name": "GET /",
        "kind": "SPAN_KIND_SERVER",
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": [{"key": "http.response.status_code", "value": {"intValue": "200"}}],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    [read] = spans_of_otlp({"batches": [{"resource": resource, "scopeSpans": [{"spans": [raw]}]}]})
    assert (read.span_id, read.service, read.kind) == ("00f067aa0ba902b7", "shop", "SERVER")
    assert read.attributes == {"http.response.status_code": 200}
