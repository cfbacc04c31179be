"""The collector alone, with the services' own scrubbing out of the picture: what it lets through, and what it keeps."""

import json
import secrets
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox_testing.canaries import card_number
from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone
from tests.support.scrubbing import table

CARD = card_number()
GROUPS = [CARD[i : i + 4] for i in range(0, 16, 4)]
AMEX = "378282246310005"
IBAN = "DE89370400440532013000"
TOKEN = f"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI{secrets.token_hex(8)}.{secrets.token_hex(16)}"
OPAQUE = secrets.token_urlsafe(24)
SECRET = f"zq{secrets.token_hex(6)}"

# What personal data and credentials look like inside a text: the text, and the part that must not survive. That part is
# long enough not to appear by chance in a time in nanoseconds or an id.
TEXTS = {
    "mail address": (f"user {SECRET}@example.com unknown", SECRET),
    "mail address in a URL": (f"/users?name={SECRET}%40example.com", SECRET),
    "card number": (f"card {CARD} refused", CARD),
    "card number in groups": (f"card {' '.join(GROUPS)} refused", " ".join(GROUPS[2:])),
    "card number with dashes": (f"card {'-'.join(GROUPS)}", "-".join(GROUPS[2:])),
    "card number with dots": (f"card {'.'.join(GROUPS)}", ".".join(GROUPS[2:])),
    "card number in a query": (f"/pay?card={'+'.join(GROUPS)}", "+".join(GROUPS[2:])),
    "card number encoded": (f"/pay?card={'%20'.join(GROUPS)}", "%20".join(GROUPS[2:])),
    "american express": (f"card {AMEX}", AMEX),
    "american express in groups": (f"card {AMEX[:4]} {AMEX[4:10]} {AMEX[10:]}", AMEX[4:10]),
    "iban": (f"to account {IBAN}", IBAN),
    "iban in groups": ("to account DE89 3704 0044 0532 0130 00", "0532 0130"),
    "token": (f"rejected {TOKEN}", TOKEN[12:]),
    "bearer": (f"Authorization: Bearer {OPAQUE}", OPAQUE),
    "basic": (f"Basic {OPAQUE}==", OPAQUE),
    "password in a URL": (f"postgresql://auth:{SECRET}@postgres:5432/auth", SECRET),
    "password in a query": (f"/login?password={SECRET}&next=/", SECRET),
    "password in JSON": (json.dumps({"user": 7, "password": SECRET}), SECRET),
    "password in a dictionary": (str({"user": 7, "password": SECRET}), SECRET),
    "refresh token": (f"refresh_token={SECRET}", SECRET),
    "cvc": ("number ok, cvc: 98172", "98172"),
    "phone number": ("call +49 170 1234567 back", "170 1234567"),
    "phone number in one piece": ("call +491701234568", "701234568"),
    "phone number with brackets": ("call +1 (555) 010-9999 back", "010-9999"),
    "phone number with zeros": ("call 0049 170 1234569", "170 1234569"),
    "phone number encoded": ("/call?number=%2B491701234570", "701234570"),
    "ip address": ("login from 203.0.113.77 refused", "203.0.113.77"),
    "ip address with port": ("closed (172.56.4.18:50312)", "172.56.4.18"),
    "ip address in a URL": ("GET http://198.51.100.23/", "198.51.100.23"),
    "ip version 6": ("login from 2001:db8::77:1 refused", "77:1"),
    "ip version 6 in full": ("from [2001:0db8:0000:0000:0000:0000:0078:0001]:443", "0078:0001"),
}

# What looks like one of them and is none.
HARMLESS = {
    "fraction": 0.4123456789012345,
    "long duration": 5234.123456789012,
    "nanoseconds": 1795424258000000000,
    "payment id": "0198f2a4-7b3c-7c1e-9d2a-4123412341234123"[:36],
    "sentence": "the bearer token is missing, basic checks passed",
    "route": "/api/payments/{payment_id}",
    "browser": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36",
    "listener": "listening on 0.0.0.0:8002 and 127.0.0.1:8003",
    "private addresses": "10.0.3.17 172.18.0.5 192.168.7.8 169.254.10.20",
    "build": "10.0.19045.4291",
    "times": "2001-02-03 10:11:12 +0100, 2026-11-24T22:06:11.001200+01:00",
    "exponents": "1.5e+10 2e+100000",
    "address of code": "std::vector 00:11:22",
    "statement": "SELECT accounts.id FROM accounts WHERE accounts.email = $1",
}


def line(message: str = "request completed", **fields: Any) -> str:
    now = time.strftime("%Y-%m-%dT%H:%M:%S.123456Z", time.gmtime())
    base = {"timestamp": now, "level": "WARNING", "message": message, "service": "payments", "environment": "dev"}
    return json.dumps(base | {"version": "1.2.3", "traceId": "", "spanId": ""} | fields)


def attribute(key: str, value: Any) -> dict[str, Any]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    if isinstance(value, dict):
        return {"key": key, "value": {"kvlistValue": {"values": [attribute(k, v) for k, v in value.items()]}}}
    return {"key": key, "value": {kinds[type(value)]: value}}


def spans(*several: dict[str, Any]) -> dict[str, Any]:
    frame = {"kind": 2, "startTimeUnixNano": "1795424258000000000", "endTimeUnixNano": "1795424258005000000"}
    complete = [{"traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8), **frame, **one} for one in several]
    resource = {"attributes": [attribute("service.name", "payments")]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": complete}]}]}


def test_personal_data_leaves_no_part_of_a_span(collector: CollectorAlone) -> None:
    """A service that forgets to scrub, or a foreign one, writes no card number into the trace store."""
    for name, (text, _) in TEXTS.items():
        inside = {
            "name": f"span {text}",
            "traceState": f"vendor={text}",
            "attributes": [
                attribute("note", text),
                attribute("nested", {"deep": {"er": text}}),
                attribute("seen", name),
            ],
            "status": {"code": 2, "message": text},
            "events": [{"name": text, "attributes": [attribute("exception.message", text)]}],
            "links": [{"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "attributes": [attribute("note", text)]}],
        }
        collector.send("traces", spans(inside))
    phrase = {"password": "correct horse battery", "cvc": 98172}
    others = [attribute("number", int(CARD)), attribute("card.cvc", 98172), attribute("body", phrase)]
    others += [attribute("json", json.dumps(phrase)), attribute("dictionary", str(phrase))]
    numbers = {"name": "numbers", "attributes": others}
    collector.send("traces", spans(numbers))
    eventually("all spans", lambda: len(collector.spans()) > len(TEXTS))
    sent = collector.exported()
    assert [name for name in TEXTS if f'"{name}"' not in sent] == []
    assert [name for name, (_, secret) in TEXTS.items() if secret in sent] == []
    assert "horse" not in sent


def test_each_shape_of_the_documented_policy_is_treated_as_documented(collector: CollectorAlone) -> None:
    """Both ways through the collector, against the table that people read."""
    shapes = table("By shape")
    for row in shapes:
        text = f"before {row.example} after"
        collector.send("traces", spans({"name": f"shape {row.what}", "attributes": [attribute("note", text)]}))
        collector.write_lines("payments", [line(shape=row.what, note=text)])

    def arrived() -> list[tuple[str, str]]:
        lines = [json.loads(record["body"]["stringValue"]) for _, record in collector.records()]
        noted = [(one["shape"], one["note"]) for one in lines if "shape" in one]
        traced = [(one["name"], one["attributes"][0]["value"]["stringValue"]) for one in collector.spans()]
        return noted + [(name[6:], note) for name, note in traced if name.startswith("shape ")]

    found = eventually("every shape, twice", arrived, lambda seen: len(seen) == 2 * len(shapes))
    masked = {row.what: row.example for row in shapes if row.collector == "masked"}
    kept = {row.what: row.example for row in shapes if row.collector.startswith("kept")}
    assert [what for what, note in found if what in masked and masked[what] in note] == []
    assert [what for what, note in found if what in kept and kept[what] not in note] == []


@pytest.mark.parametrize(
    "key", ["password", "user.password", "http.request.header.authorization", "card_number", "cvc"]
)
def test_an_attribute_with_a_telling_name_loses_its_whole_value(collector: CollectorAlone, key: str) -> None:
    marker = secrets.token_hex(8)
    collector.send("traces", spans({"name": marker, "attributes": [attribute(key, "correct horse battery")]}))
    [span] = eventually("the span", lambda: [one for one in collector.spans() if one["name"] == marker])
    assert span["attributes"] == [attribute(key, "****")]


def test_ordinary_values_of_a_span_arrive_as_they_were_sent(collector: CollectorAlone) -> None:
    marker = secrets.token_hex(8)
    sent = {
        "name": marker,
        "traceState": "vendor=abc",
        "status": {"code": 2, "message": "acquirer did not answer"},
        "attributes": [attribute(name, value) for name, value in HARMLESS.items() if not isinstance(value, int)],
        "events": [{"timeUnixNano": "1795424258001000000", "name": "retry", "attributes": [attribute("attempt", "2")]}],
    }
    collector.send("traces", spans(sent))
    [span] = eventually("the span", lambda: [one for one in collector.spans() if one["name"] == marker])
    assert {key: span[key] for key in sent} == sent


def test_personal_data_leaves_no_part_of_a_log_line_and_the_line_stays_json(collector: CollectorAlone) -> None:
    for name, (text, _) in TEXTS.items():
        collector.write_lines("payments", [line(text, seen=name, nested={"deep": [text]}, event=text)])
    fields = {"password": "correct horse battery", "cvc": 98172, "number": int(CARD), "authorization": OPAQUE}
    collector.write_lines("payments", [line(seen="fields", **fields, body=json.dumps(fields))])
    names = {*TEXTS, "fields"}

    def seen() -> dict[str, Any]:
        bodies = [json.loads(record["body"]["stringValue"]) for _, record in collector.records()]
        return {body["seen"]: body for body in bodies if body.get("seen") in names}

    bodies = eventually("all lines", seen, lambda found: found.keys() == names)
    text = json.dumps(bodies, ensure_ascii=False)
    assert [name for name, (_, secret) in TEXTS.items() if secret in text or secret in collector.exported()] == []
    assert not [word for word in ("horse", CARD, OPAQUE, "98172") if word in text]


def test_ordinary_lines_reach_the_store_letter_by_letter(collector: CollectorAlone) -> None:
    marker = secrets.token_hex(8)
    written = line(marker=marker, **{name.replace(" ", "_"): value for name, value in HARMLESS.items()})
    collector.write_lines("payments", [written])
    [(_, record)] = eventually("the line", lambda: [one for one in collector.records() if marker in str(one)])
    assert record["body"]["stringValue"] == written


def test_a_line_carries_its_time_level_trace_event_and_service(collector: CollectorAlone) -> None:
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    collector.write_lines("payments", [line(traceId=trace, spanId=span, level="CRITICAL", event="payment.declined")])
    found = eventually("the line", lambda: [one for one in collector.records() if trace in str(one)])
    [(resource, record)] = found
    assert resource == {
        "service.name": "payments",
        "service.version": "1.2.3",
        "deployment.environment.name": "dev",
    }
    assert (record["traceId"], record["spanId"]) == (trace, span)
    assert record["severityText"] == "CRITICAL"
    assert record["severityNumber"] == 21
    assert record["timeUnixNano"].endswith("123456000")
    assert record["attributes"] == [attribute("event", "payment.declined")]


def test_a_line_that_is_not_json_is_kept_marked_and_scrubbed(collector: CollectorAlone) -> None:
    """The last words of a crashing interpreter are the ones that somebody will look for."""
    marker = secrets.token_hex(8)
    collector.write_lines("auth", [f"Fatal Python error {marker} for {SECRET}@example.com"])
    [(resource, record)] = eventually("the line", lambda: [one for one in collector.records() if marker in str(one)])
    assert resource["service.name"] == "auth"
    assert resource["deployment.environment.name"] == "dev"
    assert record["body"]["stringValue"] == f"Fatal Python error {marker} for ****"
    assert record["attributes"] == [attribute("log.unparsed", "true")]


def test_lines_sent_over_otlp_are_scrubbed_like_lines_in_files(collector: CollectorAlone) -> None:
    marker = secrets.token_hex(8)
    text = f"{marker} {SECRET}@example.com"
    mapped = {"kvlistValue": {"values": [attribute("password", SECRET), attribute("note", text)]}}
    records = [
        {"body": {"stringValue": text}, "attributes": [attribute("note", text), attribute("number", int(CARD))]},
        {"body": mapped},
    ]
    resource = {"attributes": [attribute("service.name", "guest")]}
    collector.send("logs", {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]})
    eventually(
        "both lines", lambda: [one for one in collector.records() if marker in str(one)], lambda all_: len(all_) == 2
    )
    assert SECRET not in collector.exported()
    assert CARD not in collector.exported()


def test_lines_of_a_rotated_file_are_neither_lost_nor_read_twice(collector: CollectorAlone) -> None:
    marker = secrets.token_hex(8)
    padding = "x" * 1200
    old, new = ([line(marker=f"{marker}-{age}-{n}", padding=padding) for n in range(5)] for age in ("old", "new"))
    collector.write_lines("gateway", old)
    file: Path = collector.folder / "gateway.jsonl"
    file.rename(file.with_name("gateway.jsonl.1"))
    collector.write_lines("gateway", new)

    def bodies() -> list[str]:
        return sorted(record["body"]["stringValue"] for _, record in collector.records() if marker in str(record))

    eventually("all ten lines", bodies, lambda found: len(found) >= 10)
    assert bodies() == sorted(old + new)
