"""All features of a FastAPI application: a request is counted once, with its full route, and a failure logged once."""

import asyncio
import json
import logging
from contextlib import suppress

import httpx
import pytest
from oddshop.app import CANARY, app, build
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans


@pytest.fixture(params=[False, True], ids=["", "behind a user's middleware"])
def odd(request):
    """Send one request to the shop."""
    shop = build(user_middleware=True) if request.param else app

    def send(method, path, **options):
        async def inside():
            transport = httpx.ASGITransport(shop)
            async with httpx.AsyncClient(transport=transport, base_url="http://odd.test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(inside())

    return send


def access(seen):
    return [line for line in seen.log_lines if line.get("event") == "http.access"]


def errors(seen):
    return [line for line in seen.log_lines if line["level"] in ("ERROR", "CRITICAL")]


def counted(seen, **labels):
    return seen.sample("http_server_request_duration_seconds_count", **labels)


def is_whole(seen):
    """Check that line, span and count of the only request agree; return the trace id."""
    (line,) = access(seen)
    (span,) = [span for span in seen.spans if span.kind.name == "SERVER"]
    agreed = ("http_request_method", "http_route", "http_response_status_code")
    failure = line.get("error_type", "")
    assert counted(seen) == 1
    assert counted(seen, error_type=failure, **{name: str(line[name]) for name in agreed}) == 1
    assert span.attributes.get("http.route", "unmatched") == line["http_route"]
    assert span.attributes["http.response.status_code"] == line["http_response_status_code"]
    assert span.attributes.get("error.type", "") == failure
    assert (span.status.status_code.name == "ERROR") == bool(failure)
    assert {line["traceId"] for line in seen.log_lines} == {f"{span.context.trace_id:032x}"}
    return line["traceId"]


def told_once(seen, event, error_type):
    trace_id = is_whole(seen)
    (line,) = errors(seen)
    (event_sent,) = seen.error_events
    assert (line["event"], line["error_type"], line["traceId"]) == (event, error_type, trace_id)
    assert event_sent["contexts"]["trace"]["trace_id"] == trace_id
    assert CANARY not in json.dumps([seen.log_lines, seen.error_events])
    return line, event_sent


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/v1/items/7", "/v1/items/{item}", 200),
        ("/v2/items/7", "/v2/items/{item}", 200),
        ("/outer/inner/items/7", "/outer/inner/items/{item}", 200),
        ("/sub/items/7", "/sub/items/{item}", 200),
        ("/zipped/items/7", "/zipped/items/{item}", 200),
        ("/observed/items/7", "/observed/items/{item}", 200),
        ("/tenants/jane/deep/plain/7", "/tenants/{name}/deep/plain/{name}", 200),
        ("/sub/nowhere/7", "/sub/{path}", 404),
        ("/nowhere/7", "unmatched", 404),
        ("/v1/items", "unmatched", 404),
        ("/v1/items/7/", "unmatched", 307),
        ("/moved/7", "/moved/{item}", 307),
        ("/unchanged", "/unchanged", 304),
    ],
)
def test_route_is_the_full_template_in_span_line_and_histogram(odd, seen, path, route, status):
    assert odd("GET", path).status_code == status
    is_whole(seen)
    assert counted(seen, http_route=route, http_response_status_code=str(status), error_type="") == 1
    assert len(seen.spans) == 1
    assert seen.spans[0].name == ("GET" if route == "unmatched" else f"GET {route}")


def test_wrong_method_and_head_count_under_their_route(odd, seen):
    assert odd("POST", "/v2/items/7").status_code == 405
    answer = odd("HEAD", "/head")
    assert (answer.status_code, answer.content) == (200, b"")
    assert counted(seen, http_route="/v2/items/{item}", http_response_status_code="405") == 1
    assert counted(seen, http_route="/head", http_request_method="HEAD") == 1
    assert counted(seen) == len(seen.spans) == len(access(seen)) == 2


def test_stream_that_breaks_is_one_failure_with_the_status_that_was_sent(odd, seen):
    # The exception closes the connection, which a client sees; Starlette's own middleware ends the response before
    # that.
    with suppress(RuntimeError):
        odd("GET", "/stream")
    told_once(seen, "http.error", "RuntimeError")
    assert counted(seen, http_response_status_code="200", error_type="RuntimeError") == 1


@pytest.mark.parametrize(
    ("path", "error_type"),
    [("/depends", "RuntimeError"), ("/threads", "RuntimeError"), ("/v2/fails/7", "RuntimeError")],
)
def test_failure_before_the_answer_is_told_once_with_its_type(odd, seen, path, error_type):
    assert odd("GET", path).status_code == 500
    if path == "/threads":
        assert [line["logger"] for line in errors(seen)] == ["somebody.elses", "telemetry.access"]
        assert {line["traceId"] for line in errors(seen)} == {is_whole(seen)}
        return
    told_once(seen, "http.error", error_type)
    assert counted(seen, http_response_status_code="500", error_type=error_type) == 1


@pytest.mark.parametrize("path", ["/sub/fails/7", "/observed/fails/7"])
def test_failure_in_a_mounted_application_is_told_once(odd, seen, path):
    assert odd("GET", path).status_code == 500
    trace_id = is_whole(seen)
    assert [(line["error_type"], line["event"]) for line in errors(seen)] == [("RuntimeError", "http.error")]
    assert [event["contexts"]["trace"]["trace_id"] for event in seen.error_events] == [trace_id]


@pytest.mark.parametrize(("path", "error_type"), [("/later", "LookupError"), ("/depends-late", "RuntimeError")])
def test_failure_after_the_answer_is_told_once_and_the_request_stays_answered(odd, seen, path, error_type):
    assert odd("GET", path).status_code == 200
    told_once(seen, "task.failed", error_type)
    assert counted(seen, http_response_status_code="200", error_type="") == 1
    assert [event.attributes["exception.type"] for event in seen.spans[0].events] == [error_type]


def test_members_of_a_group_are_in_the_line_and_below_it_in_the_event(odd, seen):
    assert odd("GET", "/group").status_code == 500
    line, event = told_once(seen, "http.error", "ExceptionGroup")
    stack = line["stack_trace"]
    for expected in ("member 1 of 2", "ValueError", "in value", "member 2 of 2", "KeyError", "in key", "caused by"):
        assert expected in stack
    values = event["exception"]["values"]
    by_id = {value["mechanism"]["exception_id"]: value for value in values}
    group = next(value for value in values if value["mechanism"].get("is_exception_group"))
    below = {value["type"] for value in values if by_id.get(value["mechanism"].get("parent_id")) is group}
    assert (group["type"], below) == ("ExceptionGroup", {"ValueError", "KeyError"})
    assert len(values) == 4


def test_group_of_many_names_some_and_counts_the_rest():
    from sandbox_telemetry.stacks import MAX_EXCEPTIONS, stack_trace

    many = ExceptionGroup("many", [ValueError(n) for n in range(1000)])
    text = stack_trace(ExceptionGroup("outer", [many, KeyError("x")]))
    assert text.count("ValueError") == MAX_EXCEPTIONS - 2
    assert f"and {1000 - MAX_EXCEPTIONS + 2} more members" in text


def test_events_of_a_server_are_one_request_and_compression_changes_nothing(odd, seen):
    answer = odd("GET", "/events", headers={"accept-encoding": "gzip"})
    assert answer.text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    is_whole(seen)


def test_text_that_is_no_unicode_loses_nothing(odd, seen):
    assert odd("GET", "/odd").status_code == 500
    lines = [line for line in seen.log_lines if line["logger"] == "somebody.elses"]
    assert [line["message"] for line in lines] == ["file caf\\udce9.txt", "no file caf\\udce9.txt"]
    assert lines[0]["reason"] == "caf\\udce9.txt"
    assert lines[0]["read caf\\udce9.txt"] == "[scrubbed]"
    assert len({line["traceId"] for line in seen.log_lines}) == 1
    assert len(seen.error_events) == 2
    assert "\\udce9" not in json.dumps(seen.error_events).replace("\\\\udce9", "")
    inner, server = seen.spans
    assert inner.name == "read caf\\udce9.txt"
    assert b"read caf\\udce9.txt" in encode_spans([inner, server]).SerializeToString()


def connection(path, *from_client):
    """Return what the application sends to a client that connects, sends these messages and disconnects."""
    scope = {
        "type": "websocket",
        **{"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": []},
        **{"scheme": "ws", "http_version": "1.1", "subprotocols": [], "client": None, "server": None},
    }
    messages = [{"type": "websocket.connect"}, *from_client, {"type": "websocket.disconnect", "code": 1006}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    async def inside():
        try:
            await app(scope, receive, send)
        except Exception as error:
            sent.append(error)

    asyncio.run(inside())
    return sent


def test_socket_is_a_span_and_a_line_from_its_handshake_to_its_end(seen):
    sent = connection("/ws/7", {"type": "websocket.receive", "text": "bye"})
    (line,), (span,) = seen.log_lines, seen.spans
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
    assert (b"x-trace-id", line["traceId"].encode()) in sent[0]["headers"]
    assert (line["http_route"], line["http_response_status_code"]) == ("/ws/{item}", 101)
    assert (span.name, span.attributes["http.response.status_code"]) == ("GET /ws/{item}", 101)
    assert line["traceId"] == f"{span.context.trace_id:032x}"
    assert counted(seen) == 0


def test_socket_that_breaks_is_told_once(seen):
    assert isinstance(connection("/ws/broken")[-1], RuntimeError)
    (error,), (line,), (event,), (span,) = errors(seen), access(seen), seen.error_events, seen.spans
    assert (error["event"], error["error_type"], line["error_type"]) == ("http.error", "RuntimeError", "RuntimeError")
    assert {error["traceId"], line["traceId"], event["tags"]["trace_id"]} == {f"{span.context.trace_id:032x}"}
    assert span.status.status_code.name == "ERROR"


def test_server_names_neither_client_nor_path_of_a_socket(seen):
    server = logging.getLogger("uvicorn.error")
    server.info('%s - "WebSocket %s" [accepted]', "203.0.113.7:51002", f"/ws/{CANARY}")
    server.info("connection open")
    server.warning("something else")
    assert [line["message"] for line in seen.log_lines] == ["something else"]


@pytest.mark.parametrize(("path", "status"), [("/ws/left", 101), ("/ws/refused", 403), ("/nowhere", 403)])
def test_socket_whose_client_leaves_or_is_refused_is_no_failure(seen, path, status):
    connection(path)
    assert [line["http_response_status_code"] for line in access(seen)] == [status]
    assert errors(seen) == seen.error_events == []
    assert len(seen.spans) == 1
