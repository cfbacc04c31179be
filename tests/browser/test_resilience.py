"""Telemetry that fails costs the customer nothing, and the page holds its own security policy."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import expect

from sandbox.model.catalog import catalog, frontends
from sandbox.model.stack import Stack
from sandbox.traffic.browser import Visitor
from sandbox.traffic.customer import Customer
from sandbox_testing import Bugsink, ErrorEvent, direct, eventually
from tests.support import components
from tests.support.evidence import Evidence
from tests.support.figures import Figures
from tests.support.steady import SteadyLoad
from tests.support.traffic import KINDS

# At the end of the suite: whoever looks for an error later looks through all of these.
BURST = int(os.environ.get("BURST", "100"))
CALM_SECONDS = 3.0
# Two busy processors have much to do in a burst; only what waits for the tracker would be slower than this.
SLOWED_AT_MOST, SLOWED_AT_MOST_SECONDS = 5.0, 0.2
PAYMENTS = tuple(kind for kind in KINDS if kind.name == "success")


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
    with components.without(stack, "bugsink"):
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
    own, *hashed = directives["script-src"]
    assert own == "'self'"
    assert [one[:8] for one in hashed] == ["'sha256-"] * 2
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
        assert direct.get(f"{url}.map").status_code == 404
        assert "sourceMappingURL" not in direct.get(url).text


def test_burst_of_errors_in_a_browser_is_kept_whole_and_slows_nobody(
    visitor: Visitor, stack: Stack, bugsink: Bugsink, figures: Figures
) -> None:
    """Without this the minute in which everything breaks is the one of which nothing is known."""

    def throw() -> None:
        visitor.page.locator('[data-break="burst"]').click()
        expect(visitor.page.get_by_text("Burst over")).to_be_visible(timeout=40_000)

    visitor.open("break")
    visitor.page.locator("#burst").fill(str(BURST))
    burst = _burst(throw, frontends()["frontend-shell"].errors, stack, bugsink)
    figures.add("burst: errors thrown", "", [BURST])
    figures.add("burst: errors kept", "", [burst.kept])
    figures.add("burst: seconds", "s", [burst.seconds])
    figures.add("burst: ms of a payment before and meanwhile", "ms", [burst.calm * 1_000, burst.meanwhile * 1_000])
    assert burst.kept == BURST
    assert burst.meanwhile <= SLOWED_AT_MOST * burst.calm + SLOWED_AT_MOST_SECONDS


def test_burst_of_errors_in_a_service_is_kept_whole_and_slows_nobody(
    stack: Stack, bugsink: Bugsink, figures: Figures
) -> None:
    """Without this an outage of a service leaves a handful of its errors, and those delay whoever still pays."""

    def throw() -> None:
        with Customer(stack.url("gateway")) as person:
            answers = {person.send("POST", "/api/debug/auth/error").status for _ in range(BURST)}
        assert answers == {500}

    burst = _burst(throw, catalog()["auth"].errors or 0, stack, bugsink)
    figures.add("burst in a service: errors kept", "", [burst.kept])
    figures.add("burst in a service: seconds", "s", [burst.seconds])
    assert burst.kept == BURST
    assert burst.meanwhile <= SLOWED_AT_MOST * burst.calm + SLOWED_AT_MOST_SECONDS


@dataclass(frozen=True)
class Burst:
    """What a burst of errors did: how many the tracker has digested, and the median seconds of a payment."""

    kept: int
    seconds: float
    calm: float
    meanwhile: float


def _burst(throw: Callable[[], None], project: int, stack: Stack, bugsink: Bugsink) -> Burst:
    """Throw while somebody pays all the time."""
    before = _digested(bugsink, project)
    with SteadyLoad(stack.url("gateway"), kinds=PAYMENTS) as load:
        load.go_on(CALM_SECONDS)
        began = time.time()
        throw()
        thrown = time.time()
        after = eventually(
            f"{BURST} errors more in the tracker",
            lambda: _digested(bugsink, project),
            lambda number: number >= before + BURST,
            timeout=90.0,
        )
    assert load.failures() == []
    calm, meanwhile = load.typical_seconds(0, began), load.typical_seconds(began, thrown)
    return Burst(after - before, thrown - began, calm, meanwhile)


def _digested(bugsink: Bugsink, project: int) -> int:
    """How many events of a project the tracker has digested, ever."""
    return sum(issue["digested_event_count"] for issue in bugsink.issues(project, 0))
