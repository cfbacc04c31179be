"""Logging by foreign code: its fields, arguments and levels never lose a line or change its standard fields."""

import json
import logging
from decimal import Decimal
from http import HTTPStatus

import pytest

from sandbox_telemetry import metrics
from sandbox_telemetry.errors import rebuild
from sandbox_telemetry.logs import message_of
from sandbox_telemetry.names import OWN_FIELDS
from sandbox_telemetry.runtime import start_for_tests

log = logging.getLogger("somebody.elses")
MAIL = "jane.canary@example.com"


def test_extra_fields_never_overwrite_what_a_line_says_by_itself(seen):
    # The standard library rejects `message` with an exception.
    names = set(OWN_FIELDS) - {"message"}
    log.error("collides", extra=dict.fromkeys(names, "mine") | {"version": 3, "count": 4, "error_type": "kept"})
    (line,) = seen.log_lines
    settings = start_for_tests().settings
    assert (line["service"], line["version"]) == (start_for_tests().service, settings.service_version)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "somebody.elses", "collides")
    assert line["timestamp"].startswith("20")
    assert (line["environment"], line["traceId"], line["spanId"]) == ("dev", "", "")
    assert not {"event", "stack_trace"} & set(line)
    assert (line["count"], line["error_type"]) == (4, "kept")
    (event,) = seen.error_events
    assert (event["level"], event["tags"]["service"], event["environment"]) == ("error", line["service"], "dev")


def test_names_of_extra_fields_are_scrubbed_and_need_not_be_text(seen):
    log.warning("odd names", extra={MAIL: 1, 7: "seven"})
    assert MAIL not in json.dumps(seen.log_lines)
    assert seen.log_lines[0]["7"] == "[scrubbed]"


@pytest.mark.parametrize(
    ("template", "arguments", "message"),
    [
        ("pool %s has %d of %d", ("main", 9, 10), "pool [scrubbed] has 9 of 10"),
        ("took %.3f s, %r, %5.1f%%", (1.5, "text", 99.5), "took 1.500 s, [scrubbed],  99.5%"),
        ("%(name)s waits %(seconds)d s", ({"name": "jane", "seconds": 5},), "[scrubbed] waits 5 s"),
        (
            "answered %d with %s, %s, %s",
            (HTTPStatus.OK, None, True, Decimal("1.5")),
            "answered 200 with None, True, 1.5",
        ),
        ("card %d", (4000001234567899,), "card [scrubbed]"),
        ("100% of it", (), "100% of it"),
    ],
)
def test_numbers_among_the_arguments_of_a_foreign_line_stay_and_texts_do_not(seen, template, arguments, message):
    log.warning(template, *arguments)
    assert [line["message"] for line in seen.log_lines] == [message]


@pytest.mark.parametrize(("template", "arguments"), [("%d tries", ("jane",)), ("%s and %s", (1,)), ("%(a)s", (1,))])
def test_template_that_its_arguments_do_not_fit_stays_as_it_is(template, arguments):
    assert message_of(logging.makeLogRecord({"name": "somebody.elses", "msg": template, "args": arguments})) == template


def test_numbers_stay_in_the_line_of_an_exception(seen):
    try:
        raise TimeoutError(MAIL)
    except TimeoutError:
        log.exception("order %d failed after %d tries for %s\n%s", 7, 3, MAIL, "more")
    (line,) = seen.log_lines
    # Lines after the first are dropped, so the arguments do not match, and the template is logged unchanged.
    assert line["message"] == "order %d failed after %d tries for %s"
    try:
        raise TimeoutError(MAIL)
    except TimeoutError:
        log.exception("order %d failed after %d tries for %s", 7, 3, MAIL)
    assert seen.log_lines[-1]["message"] == "order 7 failed after 3 tries for [scrubbed]"
    assert [event["tags"]["service"] for event in seen.error_events] == [line["service"]] * 2


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_level_of_the_access_logger_reaches_access_lines(shop, seen, level):
    access = logging.getLogger("telemetry.access")
    access.setLevel(level)
    try:
        shop.get("/null")
        shop.post("/broken/1", json={})
    finally:
        access.setLevel(logging.NOTSET)
    assert [line.get("event") for line in seen.log_lines] == ["http.error"]
    assert seen.sample("telemetry_log_lines_total", level="INFO") == 0
    assert len(seen.spans) == seen.sample("http_server_request_duration_seconds_count") == 2


@pytest.mark.parametrize("text", ["caf\udce9", "\ud800", "a\0b", "\udfff" * 300])
def test_text_that_no_store_takes_is_written_out_in_every_signal(shop, seen, text):
    metrics.ERROR_EVENTS.labels(text).inc()
    log.error(f"saw {text}", extra={"reason": text, "count": [text]})  # noqa: G004
    page = shop.get("/metrics")
    metrics.ERROR_EVENTS.remove(text)
    event = json.dumps(rebuild({"logger": text, "release": text}, {}, {"service": text}), ensure_ascii=False).encode()
    assert page.status_code == 200
    assert b"telemetry_error_events_total" in page.content
    assert b"telemetry_log_lines_total" in page.content
    for found in (json.dumps(seen.log_lines, ensure_ascii=False).encode(), event):
        assert b"\0" not in found
        assert b"\\u0000" not in found.replace(b"\\\\u0000", b"")
    assert len(seen.log_lines) == len(seen.error_events) == 1
