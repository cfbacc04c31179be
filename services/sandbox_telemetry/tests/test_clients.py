"""Outgoing calls: spans with the right parent, propagation, durations, and no content of the requests."""

import asyncio
import re

import httpx
import pytest
from asyncpg import DivisionByZeroError
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags
from sqlalchemy import Column, MetaData, Table, Text, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

import sandbox_telemetry
from kit.database import Database

CANARY = "jane.canary"


def call(handler, **options):
    """Make one call inside a span `work`; return the response, or the exception."""

    async def inside():
        client = httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="http://auth:8001")
        sandbox_telemetry.instrument_http_client(client)
        with trace.get_tracer("test").start_as_current_span("work"):
            try:
                return await client.get(f"/users/{CANARY}", params={"q": CANARY}, **options)
            except httpx.HTTPError as error:
                return error

    return asyncio.run(inside())


def test_call_has_a_client_span_below_the_current_one_and_carries_its_context(seen):
    sent = []
    call(lambda request: sent.append(request.headers) or httpx.Response(204))
    client, work = seen.spans
    assert client.kind is SpanKind.CLIENT
    assert client.parent.span_id == work.context.span_id
    assert sent[0]["traceparent"].startswith(f"00-{client.context.trace_id:032x}-{client.context.span_id:016x}-")
    assert client.attributes["server.address"] == "auth"
    assert client.attributes["http.response.status_code"] == 204
    assert CANARY not in client.to_json()


def test_call_outside_a_trace_is_not_recorded_nor_by_whom_it_calls(seen):
    sent = []

    async def inside():
        async with httpx.AsyncClient(
            transport=httpx.MockTransport(lambda request: sent.append(request.headers) or httpx.Response(204)),
            base_url="http://auth:8001",
        ) as client:
            await sandbox_telemetry.instrument_http_client(client).get("/healthz")

    asyncio.run(inside())
    assert seen.spans == []
    assert re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[02]", sent[0]["traceparent"])
    assert seen.sample("http_client_request_duration_seconds_count", server_address="auth") == 1


def test_call_of_a_request_that_is_not_sampled_is_not_either_and_says_so(seen):
    sent, parent = [], SpanContext(0x1234, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.DEFAULT))
    with trace.use_span(NonRecordingSpan(parent)):
        call(lambda request: sent.append(request.headers) or httpx.Response(204))
    assert sent[0]["traceparent"].startswith(f"00-{parent.trace_id:032x}-")
    assert sent[0]["traceparent"].endswith("-00")
    assert seen.spans == []


def test_duration_of_a_call_is_counted_by_host_and_status(seen):
    call(lambda _: httpx.Response(503))
    counted = seen.sample(
        "http_client_request_duration_seconds_count", server_address="auth", http_response_status_code="503"
    )
    assert counted == 1


def test_call_without_an_answer_counts_with_the_type_of_the_error(seen):
    def fail(request):
        raise httpx.ConnectTimeout(f"no answer for {CANARY}", request=request)

    assert isinstance(call(fail), httpx.ConnectTimeout)
    assert seen.sample("http_client_request_duration_seconds_count", error_type="httpx.ConnectTimeout") == 1
    assert seen.spans[0].attributes["error.type"] == "httpx.ConnectTimeout"
    assert CANARY not in seen.spans[0].to_json()


ODD = [
    ("prices/1", "", None),
    ("", "", None),
    ("//prices.test/1", "", None),
    ("ftp://prices.test/1", "prices.test", None),
    ("unix:///run/prices.sock", "", None),
    ("http://b\u00fccher.example/1", "xn--bcher-kva.example", 80),
    ("https://[::1]:8443/1", "::1", 8443),
    ("http://prices.test:80/1", "prices.test", 80),
    ("https://user:pass@PRICES.test/1", "prices.test", 443),
]


@pytest.mark.parametrize(("url", "host", "port"), ODD, ids=[url or "empty" for url, _, _ in ODD])
@pytest.mark.parametrize("answers", [True, False])
def test_address_of_any_shape_ends_as_it_does_without_instrumentation(seen, url, host, port, answers):
    def handle(request):
        if answers:
            return httpx.Response(204)
        raise httpx.ConnectError("none", request=request)

    async def outcome(instrument):
        async with instrument(
            httpx.AsyncClient(mounts={"http://": httpx.MockTransport(handle), "https://": httpx.MockTransport(handle)})
        ) as client:
            with trace.get_tracer("test").start_as_current_span("work"):
                try:
                    return (await client.get(url)).status_code
                except Exception as error:
                    return type(error), str(error)

    bare = asyncio.run(outcome(lambda client: client))
    assert asyncio.run(outcome(sandbox_telemetry.instrument_http_client)) == bare
    (span,) = [span for span in seen.spans if span.kind is SpanKind.CLIENT]
    assert (span.attributes.get("server.address", ""), span.attributes.get("server.port")) == (host, port)
    assert seen.sample("http_client_request_duration_seconds_count", server_address=host) == 1


def test_baggage_that_is_no_text_fails_no_call(seen):
    from opentelemetry import baggage, context

    token = context.attach(baggage.set_baggage("file", "caf\udce9"))
    try:
        assert call(lambda request: httpx.Response(204)).status_code == 204
    finally:
        context.detach(token)


def test_method_that_http_does_not_know_adds_no_series(seen):
    async def inside():
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(204))) as client:
            sandbox_telemetry.instrument_http_client(client)
            for number in range(3):
                await client.request(f"HACK{number}", "http://auth:8001/")

    asyncio.run(inside())
    assert seen.sample("http_client_request_duration_seconds_count", http_request_method="_OTHER") == 3


@pytest.fixture
def database(postgres):
    return Database(postgres.new_database("telemetry"), "test")


async def observed(database: Database) -> None:
    """Connect first, as services do at startup: SQLAlchemy queries an unknown server before the first request."""
    sandbox_telemetry.instrument_database(database.engine)
    await database.ping()


def test_statement_has_a_span_with_its_text_and_without_its_values(seen, database):
    async def inside():
        await observed(database)
        with trace.get_tracer("test").start_as_current_span("work"):
            async with database.transaction() as connection:
                await connection.execute(text("CREATE TABLE users (mail text)"))
                await connection.execute(text("INSERT INTO users VALUES (:mail)"), {"mail": CANARY})
                used = sandbox_telemetry.metrics.DB_CONNECTIONS.labels("used").collect()[0].samples[0].value
        await database.engine.dispose()
        return used

    assert asyncio.run(inside()) == 1
    work = next(span for span in seen.spans if span.name == "work")
    statements = [span for span in seen.spans if span.kind is SpanKind.CLIENT]
    assert {span.parent.span_id for span in statements} == {work.context.span_id}
    insert = statements[-1]
    assert insert.attributes["db.query.text"].startswith("INSERT INTO users VALUES ($1")
    assert insert.attributes["db.system.name"] == "postgresql"
    assert CANARY not in "".join(span.to_json() for span in seen.spans)
    assert [span.name for span in statements] == ["CREATE", "INSERT"]


def test_span_names_the_table_that_its_statement_is_about(seen, database):
    users = Table("users", MetaData(), Column("mail", Text))
    statements = [insert(users).values(mail=CANARY), update(users).values(mail=CANARY), select(users), delete(users)]

    async def inside():
        await observed(database)
        with trace.get_tracer("test").start_as_current_span("work"):
            async with database.transaction() as connection:
                await connection.run_sync(users.create)
                for statement in statements * 2:
                    await connection.execute(statement)
        await database.engine.dispose()

    asyncio.run(inside())
    named = [(span.name, span.attributes["db.collection.name"]) for span in seen.spans if " " in span.name]
    assert named == [(f"{word} users", "users") for word in ("INSERT", "UPDATE", "SELECT", "DELETE")] * 2
    assert CANARY not in "".join(span.to_json() for span in seen.spans)


def test_failed_statement_has_a_span_with_its_error_and_the_next_one_has_its_own(seen, database):
    async def inside():
        await observed(database)
        with trace.get_tracer("test").start_as_current_span("work"):
            async with database.read() as connection:
                with pytest.raises(DBAPIError):
                    await connection.execute(text("SELECT 1 / :nothing"), {"nothing": 0})
                await connection.execute(text("SELECT 2"))
        await database.engine.dispose()

    asyncio.run(inside())
    failed, following = [span for span in seen.spans if "db.query.text" in span.attributes]
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["error.type"].endswith("DivisionByZeroError")
    assert following.status.status_code is StatusCode.UNSET


def test_statement_that_is_given_up_has_a_span_that_says_so(seen, database):
    async def inside():
        await observed(database)
        with trace.get_tracer("test").start_as_current_span("work"), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), database.engine.connect() as connection:
                await connection.execute(text("SELECT pg_sleep(30)"))
        await database.engine.dispose()

    asyncio.run(inside())
    given_up = next(span for span in seen.spans if "db.query.text" in span.attributes)
    assert given_up.attributes["error.type"] == "asyncio.exceptions.CancelledError"
    assert given_up.status.status_code is StatusCode.ERROR


def test_statement_whose_rows_cannot_all_be_read_has_one_span(seen, database):
    async def inside():
        await observed(database)
        with trace.get_tracer("test").start_as_current_span("work"):
            async with database.transaction() as connection:
                rows = await connection.stream(text("SELECT 1 / (900 - n) FROM generate_series(1, 1000) AS n"))
                await rows.all()

    with pytest.raises(DivisionByZeroError):
        asyncio.run(inside())
    assert [span.name for span in seen.spans] == ["SELECT", "work"]


def test_call_answered_with_an_error_has_a_span_that_says_so(seen):
    call(lambda _: httpx.Response(404))
    assert seen.spans[0].status.status_code is StatusCode.ERROR
    assert seen.spans[0].attributes["error.type"] == "404"
    assert seen.spans[0].attributes["server.port"] == 8001
