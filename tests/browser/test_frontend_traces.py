"""One trace from the click to the database, begun in the browser."""

from collections.abc import Callable

from sandbox.model.stack import Stack
from sandbox.traffic.browser import Visitor
from sandbox_testing import Span, Telemetry, eventually, orphans
from tests.support.evidence import Evidence


def test_click_to_pay_is_one_trace_down_to_sql_without_an_orphan(
    visitor: Visitor, telemetry_of: Callable[..., Telemetry], stack: Stack, evidence: Evidence
) -> None:
    """Without this a slow payment is fast on every server, and nobody can say where the time went."""
    visitor.sign_up()
    trace_id = visitor.pay("is declined")
    spans = _with(telemetry_of, trace_id, "click pay")
    evidence(trace_id=trace_id, spans=len(spans))
    assert orphans(spans) == []
    [root] = [span for span in spans if not span.parent_id]
    assert (root.service, root.name, root.kind) == ("frontend-payments", "click pay", "INTERNAL")
    assert root.attributes["payment.outcome"] == "declined"
    assert root.resource["service.version"] == stack.version("frontend-payments")
    assert root.resource["deployment.environment.name"] == stack.environment
    [pay] = [span for span in spans if span.name == "POST /api/payments" and span.kind == "CLIENT"]
    assert (pay.parent_id, pay.service) == (root.span_id, "frontend-payments")
    assert pay.attributes["http.response.status_code"] == 402
    way = _way_up(spans, next(span for span in spans if span.is_database and span.service == "payments"))
    assert [span.service for span in way] == ["payments", "payments", "gateway", "gateway", *["frontend-payments"] * 2]


def test_page_load_continues_the_trace_of_the_page_it_loaded(
    visitor: Visitor, telemetry_of: Callable[..., Telemetry]
) -> None:
    """Without this the time until a page is usable belongs to no request."""
    with visitor.page.expect_response(lambda answer: answer.url == f"{visitor.address}/") as answered:
        visitor.open("break")
    spans = _with(telemetry_of, answered.value.headers["x-trace-id"], "documentLoad")
    tree = {(span.service, span.name): span for span in spans}
    page, load = tree[("gateway", "GET /")], tree[("frontend-shell", "documentLoad")]
    assert load.parent_id == page.span_id
    assert load.end > page.end
    assert orphans(spans) == []


def test_reload_while_logged_in_shows_its_calls_below_the_page_load(
    visitor: Visitor, telemetry_of: Callable[..., Telemetry]
) -> None:
    """Without this the calls that make a page slow to appear are traces of their own."""
    wanted = {"POST /api/auth/refresh", "GET /api/payments"}
    visitor.sign_up()
    with visitor.page.expect_response(lambda answer: answer.url == f"{visitor.address}/") as answered:
        visitor.page.reload()
    visitor.page.get_by_text("Nothing yet").wait_for()
    spans = _with(telemetry_of, answered.value.headers["x-trace-id"], "documentLoad", *wanted)
    load = next(span for span in spans if span.name == "documentLoad")
    calls = {span.name for span in spans if span.kind == "CLIENT" and span.parent_id == load.span_id}
    assert calls == wanted
    assert orphans(spans) == []


def _with(telemetry_of: Callable[..., Telemetry], trace_id: str, *names: str) -> list[Span]:
    """The whole trace, once the browser, which sends its spans when it is idle, has sent these."""
    return eventually(
        f"the spans {', '.join(names)}",
        lambda: telemetry_of(trace_id).spans,
        lambda spans: {span.name for span in spans if span.service.startswith("frontend-")} >= set(names),
    )


def _way_up(spans: list[Span], span: Span) -> list[Span]:
    """From a span to the root."""
    by_id = {one.span_id: one for one in spans}
    way = [span]
    while way[-1].parent_id:
        way.append(by_id[way[-1].parent_id])
    return way
