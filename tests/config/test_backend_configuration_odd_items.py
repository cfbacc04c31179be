"""What a sender that this project did not write may send: each item is repaired, cut, or refused and counted alone."""

import json
import secrets
import time
from typing import Any

import pytest

from sandbox.testbench.otlp import attributes, logs, span, traces, value
from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone, bodies, counted, named, stored
from tests.support.metrics import gauge, metrics, point, total

CANARY = f"zq{secrets.token_hex(6)}"
MAIL = f"{CANARY}@example.com"
MIB = 1 << 20


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
    masked = eventually("the count", lambda: counted(collector, "discarded", "****"), timeout=60)
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
        "the counts", lambda: counted(collector, "discarded", "odd-points"), lambda seen: seen == expected, timeout=60
    )


def test_deltas_become_totals(collector: CollectorAlone) -> None:
    for number in (5, 7):
        collector.send("metrics", metrics("deltas", total("orders", 1, point(number))))
    points = eventually("both", lambda: stored(collector, "deltas").get("orders", []), lambda seen: len(seen) == 2)
    assert [int(one["asInt"]) for one in points] == [5, 12]


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
    eventually("the counts", lambda: counted(collector, "truncated", "cut"), lambda seen: seen == expected, timeout=60)


def test_an_item_that_cannot_be_masked_keeps_no_text_of_it_and_is_counted(collector: CollectorAlone) -> None:
    """A pipeline feeds the store and the counter alike, so what is counted after masking is stored, emptied."""
    odd = attributes({"note": {"ratio": float("nan"), "mail": MAIL}, "plain": "kept"})
    events = [{"name": "e", "attributes": odd}]
    collector.send("traces", traces("unreadable", span("in-span", attributes=odd), span("in-event", events=events)))
    records = [
        {"body": value([MAIL, float("nan")])},
        {"body": value("in-log"), "attributes": odd},
        {"body": value("ok")},
    ]
    collector.send("logs", logs("unreadable", *records))
    lines = eventually("the lines", lambda: bodies(collector, "unreadable"), lambda seen: len(seen) == 3)
    assert sorted(one["body"]["stringValue"] for one in lines) == ["[unreadable]", "in-log", "ok"]
    [first] = eventually("the span", lambda: named(collector, "in-span"))
    expected = {"note": "[unreadable]", "plain": "kept", "unreadable": True}
    assert sorted(first["attributes"], key=str) == sorted(attributes(expected), key=str)
    assert CANARY not in collector.exported()
    expected = {("logs", "unreadable"): 2, ("traces", "unreadable"): 2}
    eventually(
        "the counts", lambda: counted(collector, "truncated", "unreadable"), lambda seen: seen == expected, timeout=60
    )


def test_a_large_list_keeps_no_other_request_waiting(collector: CollectorAlone) -> None:
    """A hundred thousand numbers in one attribute took 40 s, in which no other request was answered."""
    large = attributes({"note": [1] * 100_000, "plain": "kept"})
    began = time.monotonic()
    events = [{"name": "e", "attributes": large}]
    collector.send("traces", traces("wide", span("wide", attributes=large, events=events)))
    collector.send("logs", logs("wide", {"body": value("wide"), "attributes": large}))
    collector.send("metrics", metrics("wide", gauge("wide", point(attributes=large))))
    assert time.monotonic() - began < 15
    [one] = eventually("the span", lambda: named(collector, "wide"))
    kept = {each["key"]: each["value"].get("stringValue", "") for each in one["attributes"]}
    assert (kept["note"].startswith("[1,1,"), kept["note"].endswith("[truncated]"), kept["plain"]) == (
        True,
        True,
        "kept",
    )


def test_a_line_of_another_time_is_filed_now_and_says_what_it_claimed(collector: CollectorAlone) -> None:
    for off in (-7200, 7200):
        claimed = {"body": value("astray"), "timeUnixNano": str(time.time_ns() + off * 10**9)}
        collector.send("logs", logs("clock", claimed))
    found = eventually("both lines", lambda: bodies(collector, "clock"), lambda seen: len(seen) == 2)
    assert all(abs(int(one["timeUnixNano"]) - time.time_ns()) < 60 * 10**9 for one in found)
    assert all(one["attributes"][0]["key"] == "time.claimed" for one in found)
