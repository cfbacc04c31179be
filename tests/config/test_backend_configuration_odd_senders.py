"""What a sender that this project did not write may send: nothing personal is stored, in whatever field it stands."""

import base64
import json
import secrets
import time

import pytest

from sandbox.testbench.otlp import attributes, logs, span, traces, value
from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone, bodies, named, stored
from tests.support.metrics import gauge, metrics, point, total

CANARY = f"zq{secrets.token_hex(6)}"
MAIL = f"{CANARY}@example.com"

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


NESTED = {
    "map": ({"a": [MAIL, {"b": 1}], "none": None, "empty": []}, '{"a":["****",{"b":1}],"empty":[],"none":null}'),
    "bytes": (f"for {MAIL}".encode(), "for ****"),
    "no-text": (b"\xff\xfe and text", "******** and text"),
    "bytes-in-list": (["x", f"for {MAIL}".encode()], "[unreadable]"),
    "bytes-in-maps": ({"a": {"b": [{"c": f"for {MAIL}".encode()}]}}, "[unreadable]"),
    "NaN-in-map": ({"a": MAIL, "b": float("nan")}, "[unreadable]"),
}


@pytest.mark.parametrize("kind", NESTED)
def test_a_nested_value_is_masked_or_not_kept(collector: CollectorAlone, kind: str) -> None:
    """One at a time: an attribute that is no text must not decide what becomes of the others."""
    sent, expected = NESTED[kind]
    odd, service = attributes({"note": sent, "plain": "kept"}), f"nested-{kind}"
    collector.send("traces", traces(service, span(service, attributes=odd, events=[{"name": "e", "attributes": odd}])))
    records = [{"body": value("attributes"), "attributes": odd}, {"body": value(sent)}]
    collector.send("logs", logs(service, *records))
    collector.send("metrics", metrics(service, gauge("nested", point(attributes=odd))))
    [one] = eventually("the span", lambda: named(collector, service))
    first, second = eventually("the lines", lambda: bodies(collector, service), lambda seen: len(seen) == 2)
    [measured] = eventually("the point", lambda: stored(collector, service).get("nested"))
    for item in (one, one["events"][0], first, measured):
        texts = {each["key"]: each["value"].get("stringValue") for each in item["attributes"]}
        assert (texts["note"], texts["plain"]) == (expected, "kept")
    assert second["body"]["stringValue"] == expected


def test_series_that_masking_makes_equal_are_added(collector: CollectorAlone) -> None:
    points = [point(number, attributes=attributes({"who": f"{number}-{MAIL}"})) for number in (3, 4)]
    for one in points:
        one["timeUnixNano"] = points[0]["timeUnixNano"]
    collector.send("metrics", metrics("equal", total("logins", 2, *points)))
    [one] = eventually("the sum", lambda: stored(collector, "equal").get("logins"))
    assert one["asInt"] == "7"


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
