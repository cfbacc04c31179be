"""The telemetry of one request: exactly one span, line and count, connected by one trace id."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from sandbox_telemetry.names import LOG_SPAN_ID, LOG_TRACE_ID

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


def requests_counted(seen, **labels):
    return seen.sample("http_server_request_duration_seconds_count", **labels)


def access_lines(seen):
    return [line for line in seen.log_lines if line.get("event") == "http.access"]


def test_mixed_requests_leave_one_span_one_line_and_one_count_each(shop, seen):
    for _ in range(20):
        shop.get("/null")
        shop.post("/declined", json={"amount": 1})
        shop.post("/broken/x", json={})
        shop.post("/orders", content=b"{not json")
        shop.get("/nowhere")
    statuses = [line["http_response_status_code"] for line in access_lines(seen)]
    assert statuses == [200, 402, 500, 422, 404] * 20
    assert len(seen.spans) == 100
    assert requests_counted(seen) == 100
    assert requests_counted(seen, http_response_status_code="500", http_route="/broken/{item}") == 20


def test_each_unhandled_exception_is_one_event_and_declines_are_none(shop, seen):
    for _ in range(3):
        shop.post("/broken/x", json={})
        shop.post("/declined", json={"amount": 1})
        shop.get("/nowhere")
    assert [event["tags"]["event"] for event in seen.error_events] == ["http.error"] * 3


def test_line_span_event_problem_header_and_exemplar_share_one_trace_id(shop, seen):
    answer = shop.post("/broken/7", json={})
    trace_id = answer.headers["X-Trace-Id"]
    assert answer.json()["trace_id"] == trace_id
    assert {f"{span.context.trace_id:032x}" for span in seen.spans} == {trace_id}
    assert {line[LOG_TRACE_ID] for line in seen.log_lines} == {trace_id}
    assert {line[LOG_SPAN_ID] for line in seen.log_lines} == {f"{seen.spans[0].context.span_id:016x}"}
    assert [event["contexts"]["trace"]["trace_id"] for event in seen.error_events] == [trace_id]
    assert trace_id in exemplars(shop, "/broken/{item}", "500")


def exemplars(shop, route, status):
    families = text_string_to_metric_families(shop.get("/metrics", headers=OPENMETRICS).text)
    return {
        sample.exemplar.labels["trace_id"]
        for family in families
        for sample in family.samples
        if sample.exemplar
        and sample.labels.get("http_route") == route
        and sample.labels["http_response_status_code"] == status
    }


@pytest.mark.parametrize("path", ["/null", "/nowhere", "/broken/1", "/declined", "/orders"])
def test_every_answer_carries_the_trace_id_in_its_header(shop, seen, path):
    answer = shop.send("GET" if path in ("/null", "/nowhere") else "POST", path, content=b"{")
    assert answer.headers["X-Trace-Id"] == f"{seen.spans[-1].context.trace_id:032x}"


def test_incoming_traceparent_is_continued_as_parent(shop, seen):
    answer = shop.get("/null", headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-01"})
    assert answer.headers["X-Trace-Id"] == TRACE_ID
    assert seen.spans[0].parent.span_id == 0xB7AD6B7169203331


@pytest.mark.parametrize(
    "header", ["", "00-zz-1-01", f"ff-{TRACE_ID}-b7ad6b7169203331-01", "00-" + "0" * 32, "é" * 9000]
)
def test_invalid_traceparent_starts_a_trace_of_its_own(shop, seen, header):
    answer = shop.get("/null", headers={"traceparent": header.encode()})
    assert answer.status_code == 200
    assert answer.headers["X-Trace-Id"] != TRACE_ID
    assert seen.spans[0].parent is None


def test_unsampled_caller_gets_an_id_but_no_span_and_no_exemplar(shop, seen):
    shop.get("/items/5", headers={"traceparent": f"00-{TRACE_ID}-b7ad6b7169203331-00"})
    assert seen.spans == []
    assert access_lines(seen)[0]["traceId"] == TRACE_ID
    assert requests_counted(seen, http_route="/items/{item}") == 1
    assert TRACE_ID not in exemplars(shop, "/items/{item}", "200")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probe_endpoints_are_neither_traced_nor_counted_nor_logged(shop, seen, path):
    assert shop.get(path).status_code == 200
    assert seen.spans == []
    assert seen.log_lines == []
    assert requests_counted(seen) == 0


def test_hostile_methods_and_paths_add_no_series(shop, seen):
    for number in range(30):
        shop.send(f"HACK{number}", f"/null/{number}")
        shop.get(f"/wp-admin/{number}.php")
        shop.get(f"/items/{number}")
    series = {key for key in seen.samples if key[0] == "http_server_request_duration_seconds_count"}
    assert {dict(labels)["http_route"] for _, labels in series} == {"unmatched", "/items/{item}"}
    assert {dict(labels)["http_request_method"] for _, labels in series} == {"_OTHER", "GET"}
    assert {span.name for span in seen.spans} == {"HTTP", "GET", "GET /items/{item}"}


def test_server_span_names_the_error_type_but_not_its_text(shop, seen):
    shop.post("/broken/1", json={})
    attributes = seen.spans[0].attributes
    assert attributes["error.type"] == "RuntimeError"
    assert attributes["http.response.status_code"] == 500
    assert seen.spans[0].status.description is None


def test_cancelled_request_counts_as_closed_by_client(shop, seen):
    import asyncio

    async def give_up(client):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.get("/hangs"), 0.05)

    shop.run(give_up)
    assert [line["http_response_status_code"] for line in access_lines(seen)] == [499]
    assert requests_counted(seen, http_response_status_code="499") == 1
    assert len(seen.spans) == 1


def test_synthetic_customer_is_marked_and_other_baggage_stays_at_the_door(shop, seen):
    from opentelemetry import propagate

    shop.get("/null", headers={"baggage": "synthetic=true,user=jane,synthetic2=x"})
    shop.get("/null")
    assert [line.get("synthetic") for line in access_lines(seen)] == [True, None]
    context = propagate.extract({"baggage": "synthetic=true,user=jane"})
    carried: dict[str, str] = {}
    propagate.inject(carried, context)
    assert carried == {"baggage": "synthetic=true"}


def test_malformed_baggage_writes_no_line_of_its_own(shop, seen):
    shop.get("/null", headers={"baggage": "user={bad},=;;,synthetic=" + "x" * 9000})
    assert [line["event"] for line in seen.log_lines] == ["http.access"]


@pytest.mark.parametrize(
    "lines",
    [
        ["synthetic=true;source=gateway"],
        ["user=jane", "synthetic=true"],
        ["synthetic=true", "user={bad}"],
        [" synthetic = true ; a=b;c , user=jane"],
        ["a=1,b=2", "", "synthetic=true ;p"],
    ],
)
def test_baggage_of_several_lines_and_with_properties_is_read(shop, seen, lines):
    from opentelemetry import baggage, propagate
    from opentelemetry.context import Context
    from starlette.datastructures import Headers

    from sandbox_telemetry.tracing import HEADER_LINES

    headers = [("baggage", line) for line in lines]
    shop.get("/null", headers=headers)
    assert [line.get("synthetic") for line in access_lines(seen)] == [True]
    received = Headers(raw=[(name.encode(), line.encode()) for name, line in headers])
    assert baggage.get_all(propagate.extract(received, Context(), HEADER_LINES)) == {"synthetic": "true"}


def test_trace_of_two_callers_is_the_trace_of_neither(shop, seen):
    caller = f"00-{TRACE_ID}-b7ad6b7169203331-01"
    shop.get("/null", headers=[("traceparent", caller), ("traceparent", caller.replace("7", "8"))])
    assert seen.spans[0].parent is None


def test_state_of_a_trace_in_two_lines_is_continued_and_kept_from_the_store(shop, seen):
    caller = f"00-{TRACE_ID}-b7ad6b7169203331-01"
    shop.get("/null", headers=[("traceparent", caller), ("tracestate", "a=1"), ("tracestate", "b=2")])
    assert f"{seen.spans[0].context.trace_id:032x}" == TRACE_ID
