"""The collector's ports: who may send, and what answer a request gets that is refused as a whole."""

import json
import secrets

import httpx

from sandbox.testbench.otlp import attributes, logs, serialized, span, traces, value
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone, bodies, named
from tests.support.grpc import GrpcAnswer, export

MARKER = f"zq{secrets.token_hex(6)}"
MIB = 1 << 20
RESOURCE_EXHAUSTED = 8


def test_a_request_that_is_too_large_is_refused_with_the_reason(collector: CollectorAlone) -> None:
    """Over HTTP the receiver has one status for every body that it cannot read, and does not name its limit."""
    body = json.dumps(logs("large", {"body": value("z" * (21 * MIB))})).encode()
    answer = direct.post(
        f"{collector.url}/v1/logs", content=body, headers={"Content-Type": "application/json"}, timeout=30
    )
    assert (answer.status_code, answer.json()["message"]) == (400, "http: request body too large")
    assert export(collector.grpc, "logs", b"z", announced=21 * MIB) == GrpcAnswer(
        RESOURCE_EXHAUSTED, f"grpc: received message larger than max ({21 * MIB} vs. {20 * MIB})"
    )
    # No counter of the collector knows of either; the sender's own log does.
    counters = direct.get(collector.own_metrics).text
    assert [
        one for one in counters.splitlines() if one.startswith("otelcol_receiver_") and 'signal="logs"' in one
    ] == []
    collector.send("logs", logs("after", {"body": value("taken")}))
    eventually("the next request", lambda: bodies(collector, "after"))


def test_a_request_over_grpc_is_masked_like_one_over_http(collector: CollectorAlone) -> None:
    name = f"grpc {MARKER}"
    request = serialized("traces", traces("grpc", span(name, attributes=attributes({"note": f"{MARKER}@example.com"}))))
    assert export(collector.grpc, "traces", request) == GrpcAnswer(0, "")
    [found] = eventually("the span", lambda: named(collector, name))
    assert found["attributes"] == attributes({"note": "****"})


def test_bytes_that_are_no_text_reach_no_store(collector: CollectorAlone) -> None:
    """SDKs without a check send them; a store refuses the batch, or each line."""
    texts = {"service.name": f"{MARKER}-service", "note": f"{MARKER}-note", f"{MARKER}-key": "x", "plain": "word"}
    request = traces("unset", span(f"{MARKER}-span", attributes=attributes(texts)), scope={"name": f"{MARKER}-scope"})
    request["resourceSpans"][0]["resource"]["attributes"] = attributes(texts)
    broken = serialized("traces", request).replace(MARKER.encode(), MARKER[:-2].encode() + b"\xff\xfe")
    assert export(collector.grpc, "traces", broken) == GrpcAnswer(0, "")
    shown = f"{MARKER[:-2]}********"
    [found] = eventually("the span", lambda: named(collector, f"{shown}-span"))
    assert found["attributes"][1:] == attributes({"note": f"{shown}-note", "plain": "word"})
    [group] = [one for one in collector.of("resourceSpans") if found in one["scopeSpans"][0]["spans"]]
    assert group["scopeSpans"][0]["scope"]["name"] == f"{shown}-scope"
    own = {item["key"]: item["value"]["stringValue"] for item in group["resource"]["attributes"]}
    assert (own["service.name"], MARKER[:-2] in "".join(own)) == (f"{shown}-service", False)


def test_a_page_on_this_machine_may_send(collector: CollectorAlone) -> None:
    for origin in ("http://localhost:5173", "http://127.0.0.1:3001", "http://localhost"):
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        answer = httpx.options(f"{collector.url}/v1/traces", headers=headers)
        assert answer.is_success
        assert answer.headers["Access-Control-Allow-Origin"] == origin
    headers["Origin"] = "https://example.com"
    assert "Access-Control-Allow-Origin" not in httpx.options(f"{collector.url}/v1/traces", headers=headers).headers
