"""Telemetry that fails costs the customer nothing, and the page holds its own security policy."""

import os
import re
import time
from collections.abc import Callable

import httpx
from playwright.sync_api import expect
from prometheus_client.parser import text_string_to_metric_families

from sandbox_testing import ErrorEvent, eventually
from tests.support import engine
from tests.support.browser import Visitor
from tests.support.evidence import Evidence
from tests.support.figures import Figures
from tests.support.stack import Stack

# At the end of the suite: whoever looks for an error later looks through all of these.
BURST = int(os.environ.get("BURST", "100"))


def test_blocked_telemetry_leaves_the_product_as_it_was(visitor: Visitor) -> None:
    """Without this a customer with a content blocker cannot pay."""
    visitor.page.route("**/telemetry/**", lambda route: route.abort())
    visitor.page.route(re.compile(r"/assets/frontend-shell/.*/(sentry|export)-"), lambda route: route.abort())
    visitor.sign_up()
    visitor.pay()
    expect(visitor.page.get_by_text("You paid €12.50")).to_be_visible()
    visitor.break_by("throw shell")
    visitor.open("payments")
    expect(visitor.page.get_by_text("Paid", exact=True)).to_be_visible()


def test_tracker_that_is_down_costs_the_customer_nothing_and_gets_the_error_later(
    visitor: Visitor, stack: Stack, errors_of: Callable[..., list[ErrorEvent]], evidence: Evidence
) -> None:
    """Without this the errors of an outage are lost just because the tracker was part of it."""
    visitor.sign_up()
    with engine.without(stack, "bugsink"):
        trace_id = visitor.break_by("throw frontend-payments")
        visitor.open("payments")
        began = time.monotonic()
        visitor.pay()
        seconds = time.monotonic() - began
        expect(visitor.page.get_by_text("You paid €12.50")).to_be_visible()
    [event] = errors_of(trace_id, timeout=60.0)
    evidence(trace_id=trace_id, event=event.id, payment_seconds=round(seconds, 2))
    assert event.tags["service"] == "frontend-payments"


def test_page_has_a_strict_security_policy_and_keeps_to_it(visitor: Visitor) -> None:
    """Without this one injected word of script reads every card that is typed."""
    with visitor.page.expect_response(lambda answer: answer.url == f"{visitor.address}/") as answered:
        visitor.sign_up()
    policy = answered.value.headers["content-security-policy"]
    directives = {name: values for name, *values in (part.split() for part in policy.split(";"))}
    assert directives["default-src"] == ["'none'"]
    assert directives["connect-src"] == ["'self'"]
    [own, hashed] = directives["script-src"]
    assert own == "'self'"
    assert hashed.startswith("'sha256-")
    assert "unsafe" not in policy
    visitor.pay()
    for what in ("throw shell", "reject frontend-account", "server auth"):
        visitor.break_by(what)
    assert [complaint for complaint in visitor.complaints if "told to fail" not in complaint] == []
    # And the policy is in force: what somebody injects does not run.
    visitor.page.evaluate(
        """() => { const script = document.createElement("script");
                   try { script.textContent = "window.injected = 1"; document.head.append(script); } catch {} }"""
    )
    assert visitor.page.evaluate("window.injected") is None
    visitor.until("the browser's refusal", lambda: [text for text in visitor.complaints if "told to fail" not in text])


def test_source_maps_are_not_served(visitor: Visitor) -> None:
    """Without this anybody reads the source that was minified for them."""
    visitor.sign_up().break_by("throw frontend-payments")
    scripts = {r.url for r in visitor.requests if r.url.endswith(".js")}
    assert len(scripts) >= 5
    for url in scripts:
        assert httpx.get(f"{url}.map").status_code == 404
        assert "sourceMappingURL" not in httpx.get(url).text


def test_burst_of_errors_is_kept_whole(visitor: Visitor, stack: Stack, figures: Figures) -> None:
    """Without this the minute in which everything breaks is the one of which nothing is known."""
    before = _exported(stack)
    visitor.open("break")
    visitor.page.locator("#burst").fill(str(BURST))
    began = time.time()
    visitor.page.locator('[data-break="burst"]').click()
    expect(visitor.page.get_by_text("Burst over")).to_be_visible(timeout=40_000)
    thrown = time.time()
    after = eventually(
        "every error of the burst with the tracker",
        lambda: _exported(stack),
        lambda value: value >= before + BURST,
        timeout=90.0,
    )
    figures.add("burst: errors thrown", "", [BURST])
    figures.add("burst: errors kept", "", [after - before])
    figures.add("burst: seconds", "s", [thrown - began])


def _exported(stack: Stack) -> float:
    """Errors of the shell that the tracker took, as the gateway counts them now."""
    families = text_string_to_metric_families(httpx.get(f"{stack.url('gateway')}/metrics", timeout=10.0).text)
    wanted = {"app": "frontend-shell", "outcome": "exported"}
    name = "browser_error_events_total"
    return sum(s.value for family in families for s in family.samples if s.name == name and s.labels == wanted)
