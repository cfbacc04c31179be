"""What a sender that this project did not write may send: every item is masked, repaired, or refused and counted."""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone
from tests.support.programs import program

CANARY = f"zq{secrets.token_hex(6)}"
MAIL = f"{CANARY}@example.com"
MIB = 1 << 20


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorAlone]:
    otelcol = program("IMAGE_OTEL_COLLECTOR", "/otelcol-contrib")
    with CollectorAlone.running(otelcol, tmp_path_factory.mktemp("collector")) as running:
        yield running


def value(raw: Any) -> dict[str, Any]:
    """An AnyValue of OTLP as JSON."""
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
    return [{"key": key, "value": value(raw)} for key, raw in named.items()]


# An attribute of each kind of value, with the canary wherever a text may stand.
PERSONAL = {
    "text": f"for {MAIL}",
    "blob": f"for {MAIL}".encode(),
    "nested": {"deep": {"er": [MAIL, 1, {"x": MAIL}]}},
    "list": ["x", MAIL],
    "broken": {"ratio": float("nan"), "mail": MAIL},
    f"key of {MAIL}": "x",
    "service.instance.id": MAIL,
    "url.scheme": MAIL,
}


def span(name: str = "work", **fields: Any) -> dict[str, Any]:
    now = time.time_ns()
    frame = {"traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8), "kind": 2, "name": name}
    return frame | {"startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1000)} | fields


def traces(service: Any, *spans: dict[str, Any], **scope: Any) -> dict[str, Any]:
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans), **scope}]}]}


def logs(service: Any, *records: dict[str, Any], **scope: Any) -> dict[str, Any]:
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records), **scope}]}]}


def metrics(service: Any, *several: dict[str, Any], **scope: Any) -> dict[str, Any]:
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": list(several), **scope}]}]}


def point(number: int = 1, **fields: Any) -> dict[str, Any]:
    now = time.time_ns()
    return {"startTimeUnixNano": str(now - 10**9), "timeUnixNano": str(now), "asInt": str(number)} | fields


def gauge(name: str, *points: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "gauge": {"dataPoints": list(points) or [point()]}}


def total(name: str, temporality: int, *points: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "sum": {"isMonotonic": True, "aggregationTemporality": temporality, "dataPoints": list(points)},
    }


def named(collector: CollectorAlone, marker: str) -> list[dict[str, Any]]:
    return [one for one in collector.spans() if marker in one["name"]]


def bodies(collector: CollectorAlone, service: str) -> list[dict[str, Any]]:
    return [record for resource, record in collector.records() if resource["service.name"] == service]


def stored(collector: CollectorAlone, service: str) -> dict[str, list[dict[str, Any]]]:
    """The points of each metric of a service, the newest export last."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in collector.of("resourceMetrics"):
        if {"key": "service.name", "value": {"stringValue": service}} not in one["resource"]["attributes"]:
            continue
        for metric in (each for scope in one["scopeMetrics"] for each in scope["metrics"]):
            for kind in ("gauge", "sum", "histogram"):
                found.setdefault(metric["name"], []).extend(metric.get(kind, {}).get("dataPoints", ()))
    return found


def counted(collector: CollectorAlone, what: str, service: str) -> dict[tuple[str, str], int]:
    """(signal, reason) -> items of a sender that were discarded or truncated, as Prometheus is told."""
    counts = {}
    for one in stored(collector, "otel-collector").get(f"collector.items.{what}", ()):
        labels = {item["key"]: item["value"]["stringValue"] for item in one["attributes"]}
        if labels["service"] == service:
            counts[labels["signal"], labels["reason"]] = int(one["asInt"])
    return counts


def test_a_span_is_taken_and_masked_with_any_number_of_events(collector: CollectorAlone) -> None:
    for number in (0, 1, 2, 5):
        text = f"events-{number} {MAIL}"
        happened = [{"name": text, "attributes": attributes({"note": text})} for _ in range(number)]
        fields = {"status": {"code": 2, "message": text}, "traceState": f"vendor={text}", "events": happened}
        collector.send("traces", traces("counting", span(text, **fields)))
    found = eventually("four spans", lambda: named(collector, "events-"), lambda seen: len(seen) == 4)
    assert sorted(len(one.get("events", ())) for one in found) == [0, 1, 2, 5]
    for one in found:
        text = f"events-{len(one.get('events', ()))} ****"
        assert (one["name"], one["status"]["message"], one["traceState"]) == (text, text, f"vendor={text}")
        assert all(event["name"] == text for event in one.get("events", ()))
    assert CANARY not in collector.exported()


def test_links_go_and_the_span_says_how_many(collector: CollectorAlone) -> None:
    link = {"traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8), "attributes": attributes(PERSONAL)}
    collector.send("traces", traces("links", span("linked", links=[link, link])))
    [one] = eventually("the span", lambda: named(collector, "linked"))
    assert (one.get("links"), one["droppedLinksCount"]) == (None, 2)


@pytest.mark.parametrize("signal", ["traces", "logs", "metrics"])
def test_no_text_field_of_a_signal_is_stored_unmasked(collector: CollectorAlone, signal: str) -> None:
    """Each field of docs/reference/scrubbing.md, at once; harmless items beside it arrive."""
    service = f"fields-{signal}"
    around = {
        "scope": {"name": f"scope {MAIL}", "version": MAIL, "attributes": attributes(PERSONAL)},
        "schemaUrl": f"https://example.com/{MAIL}",
    }
    inside = attributes(PERSONAL)
    exemplar = {"timeUnixNano": str(time.time_ns()), "asDouble": 0.2, "filteredAttributes": inside}
    exemplar |= {"traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8)}
    texts = {"description": MAIL, "unit": MAIL, "metadata": inside}
    buckets = {"count": "1", "sum": 0.2, "bucketCounts": ["0", "1", "0"], "explicitBounds": [0.1, 1]}
    histogram = {"aggregationTemporality": 2, "dataPoints": [point(exemplars=[exemplar]) | buckets]}
    request = {
        "traces": traces(
            service,
            span(
                f"fields-traces {MAIL}",
                attributes=inside,
                traceState=f"v={MAIL}",
                status={"code": 2, "message": MAIL},
                events=[{"name": MAIL, "attributes": inside}] * 2,
                links=[{"traceId": "1" * 32, "spanId": "1" * 16, "traceState": MAIL, "attributes": inside}],
            ),
            **around,
        ),
        "logs": logs(
            service,
            *({"body": value(body)} for body in (MAIL, MAIL.encode(), {"a": [MAIL]}, [MAIL, float("nan")], None)),
            {"severityText": MAIL, "eventName": MAIL, "attributes": inside, "body": value("fields")},
            **around,
        ),
        "metrics": metrics(
            service,
            gauge(f"fields of {MAIL}", point(attributes=inside)) | texts,
            {"name": "fields.seconds", "histogram": histogram},
            **around,
        ),
    }[signal]
    resource = request[f"resource{signal[:-1].title() + 's' if signal != 'traces' else 'Spans'}"][0]
    resource["resource"]["attributes"] += inside
    resource["schemaUrl"] = f"https://example.com/{MAIL}"
    collector.send(signal, request)
    arrived = {
        "traces": lambda: len(named(collector, service)) == 1,
        "logs": lambda: len(bodies(collector, service)) == 6,
        "metrics": lambda: len(stored(collector, service)) == 2,
    }[signal]
    eventually("the request", arrived)
    text = collector.exported()
    encoded = base64.b64encode(f"for {MAIL}".encode()).decode()
    assert [one for one in (CANARY, encoded, MAIL.encode().hex()) if one in text] == []
    assert "fields" in text


def test_a_record_without_a_body_is_a_line(collector: CollectorAlone) -> None:
    records = [{}, {"eventName": "device.lifecycle"}, {"body": value("has one")}, {"body": value({"a": 1})}]
    collector.send("logs", logs("bodies", *records))
    found = eventually("four lines", lambda: bodies(collector, "bodies"), lambda seen: len(seen) == 4)
    assert [one["body"]["stringValue"] for one in found] == ["", "device.lifecycle", "has one", '{"a":1}']


@pytest.mark.parametrize("key", ["", "名前", "___", ".", "x" * 300])
def test_one_odd_key_is_left_out(collector: CollectorAlone, key: str) -> None:
    service = f"key-{secrets.token_hex(4)}"
    odd = attributes({key: "x"})
    request = logs(service, {"body": value("key"), "attributes": odd})
    request["resourceLogs"][0]["resource"]["attributes"] += odd
    request["resourceLogs"][0]["scopeLogs"][0]["scope"] = {"name": "s", "attributes": odd}
    collector.send("logs", request)
    [(resource, record)] = eventually(
        "the line", lambda: [one for one in collector.records() if one[0]["service.name"] == service]
    )
    assert resource.keys() == {"service.name", "deployment.environment.name"}
    assert "attributes" not in record


def test_odd_keys_are_left_out_and_the_rest_of_the_item_stays(collector: CollectorAlone) -> None:
    odd = {"": "a", "名前": "b", "___": "c", "x" * 300: "d", "customer tier": "gold", "plain": "e"}
    collector.send("logs", logs("keys", {"body": value("keys"), "attributes": attributes(odd)}))
    collector.send("metrics", metrics("keys", gauge("keys", point(attributes=attributes(odd)))))
    [line] = eventually("the line", lambda: bodies(collector, "keys"))
    [measured] = eventually("the point", lambda: stored(collector, "keys").get("keys"))
    kept = [item["key"] for item in line["attributes"]], {item["key"] for item in measured["attributes"]}
    assert kept == (["customer tier", "plain"], {"customer tier", "plain", "service"})


def test_spans_without_ids_go_alone_and_are_counted_for_their_sender(collector: CollectorAlone) -> None:
    service = MAIL
    bad = [span("bad-id", traceId="0" * 32), span("bad-id", spanId=""), span("bad-id", traceId="", spanId="0" * 16)]
    collector.send("traces", traces(service, *bad, span("good-id")))
    assert len(eventually("the good one", lambda: named(collector, "good-id"))) == 1
    masked = eventually("the count", lambda: counted(collector, "discarded", "****"), timeout=20)
    assert masked == {("traces", "no_id"): 3}
    assert not named(collector, "bad-id")
    assert CANARY not in collector.exported()


def test_points_that_prometheus_would_refuse_go_alone_and_are_counted(collector: CollectorAlone) -> None:
    now, hour = time.time_ns(), 3600 * 10**9
    both = {"count": "1", "sum": 1, "bucketCounts": ["0", "1", "0"]}
    bounds = [[1, 1], [2, 1], [1, "Infinity"], [1], ["NaN", 1]]
    odd = [
        gauge(""),
        gauge("名"),
        gauge("ahead", point(timeUnixNano=str(now + hour)), point(timeUnixNano=str(now - 2 * hour))),
        total("unspecified", 0, point()),
        {
            "name": "bounds",
            "histogram": {
                "aggregationTemporality": 2,
                "dataPoints": [point(explicitBounds=each) | both for each in bounds],
            },
        },
        {"name": "nothing"},
    ]
    fine = {"name": "buckets", "histogram": {"aggregationTemporality": 2, "dataPoints": []}}
    fine["histogram"]["dataPoints"] = [point(explicitBounds=[0.1, 1]) | both]
    collector.send("metrics", metrics("odd-points", *odd, gauge("fine"), fine))
    eventually("the good metrics", lambda: stored(collector, "odd-points").keys() == {"fine", "buckets"})
    expected = {("metrics", "no_name"): 2, ("metrics", "time"): 2, ("metrics", "no_temporality"): 1}
    expected |= {("metrics", "buckets"): len(bounds)}
    eventually(
        "the counts", lambda: counted(collector, "discarded", "odd-points"), lambda seen: seen == expected, timeout=20
    )


def test_deltas_become_totals(collector: CollectorAlone) -> None:
    for number in (5, 7):
        collector.send("metrics", metrics("deltas", total("orders", 1, point(number))))
    points = eventually("both", lambda: stored(collector, "deltas").get("orders", []), lambda seen: len(seen) == 2)
    assert [int(one["asInt"]) for one in points] == [5, 12]


def test_series_that_masking_makes_equal_are_added(collector: CollectorAlone) -> None:
    points = [point(number, attributes=attributes({"who": f"{number}-{MAIL}"})) for number in (3, 4)]
    for one in points:
        one["timeUnixNano"] = points[0]["timeUnixNano"]
    collector.send("metrics", metrics("equal", total("logins", 2, *points)))
    [one] = eventually("the sum", lambda: stored(collector, "equal").get("logins"))
    assert one["asInt"] == "7"


def test_a_points_own_service_is_kept_beside_its_senders(collector: CollectorAlone) -> None:
    collector.send("metrics", metrics("own", gauge("mine", point(attributes=attributes({"service": "theirs"})))))
    [one] = eventually("the point", lambda: stored(collector, "own").get("mine"))
    labels = {item["key"]: item["value"]["stringValue"] for item in one["attributes"]}
    assert labels == {"service": "own", "exported_service": "theirs"}


@pytest.mark.parametrize("name", [None, "", "  ", 7])
def test_a_sender_always_has_a_name(collector: CollectorAlone, name: Any) -> None:
    marker = secrets.token_hex(8)
    collector.send("logs", logs(name, {"body": value(marker)}))
    [resource] = eventually(
        "the line", lambda: [one for one, record in collector.records() if record["body"]["stringValue"] == marker]
    )
    assert resource["service.name"] == ("7" if name == 7 else "unknown_service")


def test_what_is_too_long_or_too_many_is_cut_with_a_mark(collector: CollectorAlone) -> None:
    many = attributes({f"a{number}": "x" for number in range(300)})
    long = [{"body": value("z" * 400_000)}, {"body": value("many"), "attributes": many}]
    collector.send("logs", logs("cut", *long))
    happened = [{"name": "e", "attributes": attributes({"text": "w" * 4000, "x": "y" * 4000})}] * 100
    collector.send("traces", traces("cut", span("cut-span", attributes=attributes({"t": "w" * 5000}), events=happened)))
    first, second = eventually("both", lambda: bodies(collector, "cut"), lambda seen: len(seen) == 2)
    text = first["body"]["stringValue"]
    assert (len(text) <= 250_000, text.endswith("[truncated]")) == (True, True)
    assert (second["body"]["stringValue"], second["droppedAttributesCount"]) == ("many", 172)
    [one] = eventually("the span", lambda: named(collector, "cut-span"))
    assert one["attributes"][0]["value"]["stringValue"].endswith("w[truncated]")
    assert len(one["events"]) == 100
    assert len(json.dumps(one)) < MIB
    expected = {("logs", "limit"): 2, ("traces", "limit"): 1}
    eventually("the counts", lambda: counted(collector, "truncated", "cut"), lambda seen: seen == expected, timeout=20)


def test_a_line_of_another_time_is_filed_now_and_says_what_it_claimed(collector: CollectorAlone) -> None:
    for off in (-7200, 7200):
        claimed = {"body": value("astray"), "timeUnixNano": str(time.time_ns() + off * 10**9)}
        collector.send("logs", logs("clock", claimed))
    found = eventually("both lines", lambda: bodies(collector, "clock"), lambda seen: len(seen) == 2)
    assert all(abs(int(one["timeUnixNano"]) - time.time_ns()) < 60 * 10**9 for one in found)
    assert all(one["attributes"][0]["key"] == "time.claimed" for one in found)


def test_what_only_looks_like_personal_data_is_kept(collector: CollectorAlone) -> None:
    harmless = {
        "guid": "41234123-4123-4123-4123-412341234123",
        "version": "4.8.2.1",
        "digits": "20261130120304",
        "order": "50123456789012",
        "array": "a b c",
    }
    collector.send("traces", traces("harmless", span("harmless", attributes=attributes(harmless))))
    collector.write_lines("guest", [json.dumps({"message": "harmless", "service": "harmless-line", **harmless})])
    [one] = eventually("the span", lambda: named(collector, "harmless"))
    assert one["attributes"] == attributes(harmless)
    [line] = eventually("the line", lambda: bodies(collector, "harmless-line"))
    assert {key: json.loads(line["body"]["stringValue"])[key] for key in harmless} == harmless


def test_a_request_that_is_too_large_is_refused_with_the_reason(collector: CollectorAlone) -> None:
    body = json.dumps(logs("large", {"body": value("z" * (21 * MIB))})).encode()
    answer = httpx.post(
        f"{collector.url}/v1/logs", content=body, headers={"Content-Type": "application/json"}, timeout=30
    )
    assert (answer.status_code, "request body too large" in answer.text) == (400, True)


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
