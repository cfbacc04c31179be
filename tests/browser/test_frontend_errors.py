"""What fails in a browser reaches the project of the part that failed, readable."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from sandbox.model.catalog import frontends
from sandbox.model.stack import Stack
from sandbox.traffic.browser import Visitor
from sandbox_testing import Bugsink, ErrorEvent, Tempo, eventually, orphans
from tests.support.evidence import Evidence

PARTS = {"frontend-shell": "shell", "frontend-account": "frontend-account", "frontend-payments": "frontend-payments"}
SOURCES = {
    "frontend-shell": "shell/src/panel.ts",
    "frontend-account": "account/src/break.ts",
    "frontend-payments": "payments/src/break.ts",
}


@pytest.mark.parametrize("app", PARTS)
def test_error_thrown_in_a_part_is_in_its_own_project_with_source_release_owner_and_trace(
    visitor: Visitor,
    bugsink: Bugsink,
    tempo: Tempo,
    stack: Stack,
    errors_of: Callable[..., list[ErrorEvent]],
    evidence: Evidence,
    app: str,
) -> None:
    """Without this an error in the browser is seen by the customer only, or by a team that does not know the code."""
    trace_id = visitor.break_by(f"throw {PARTS[app]}")
    [event] = errors_of(trace_id)
    evidence(trace_id=trace_id, event=event.id, release=event.data["release"])
    _belongs_to(event, app, bugsink, stack)
    last = event.stack.split("###")[1]
    assert last.split(":")[0].strip() == SOURCES[app], "the stack begins with the original file"
    assert "throw new DeliberateFailure(" in _marked_line(last)
    assert event.exceptions[-1]["mechanism"]["handled"] is False
    spans = eventually("the click's trace in Tempo", lambda: tempo.trace(trace_id))
    [root] = [span for span in spans if not span.parent_id]
    assert (root.service, root.name) == ("frontend-shell", f"click throw in {PARTS[app]}")
    assert root.status == "ERROR"
    assert orphans(spans) == []


def test_every_frame_of_the_stack_is_source_of_ours_not_minified(
    visitor: Visitor, errors_of: Callable[..., list[ErrorEvent]]
) -> None:
    """Without this the way to the error is `e(t(n))` in the files of another part."""
    [event] = errors_of(visitor.break_by("throw frontend-payments"))
    assert "no sourcemap" not in event.stack
    frames = [part.split(":")[0].strip() for part in event.stack.split("###")[1:]]
    assert frames == ["payments/src/break.ts", "shell/src/panel.ts", "platform/src/action.ts"]


@pytest.mark.parametrize("app", PARTS)
def test_promise_that_nobody_awaited_is_reported_like_an_error(
    visitor: Visitor, bugsink: Bugsink, stack: Stack, errors_of: Callable[..., list[ErrorEvent]], app: str
) -> None:
    """Without this every failure behind an `await` that somebody forgot is invisible."""
    [event] = errors_of(visitor.break_by(f"reject {PARTS[app]}"))
    _belongs_to(event, app, bugsink, stack)
    assert event.exceptions[-1]["mechanism"]["type"] == "onunhandledrejection"


@pytest.mark.parametrize("app", ["frontend-account", "frontend-payments"])
def test_part_that_does_not_load_leaves_a_useful_page_and_reports_itself(
    visitor: Visitor, bugsink: Bugsink, stack: Stack, errors_of: Callable[..., list[ErrorEvent]], app: str
) -> None:
    """Without this a failed deployment of one part is a white page of the whole product, and its team hears nothing."""
    page = visitor.page
    page.route(f"**/assets/{app}/**/*.js", lambda route: route.abort())
    if app == "frontend-payments":
        page.goto(f"{visitor.address}/#/sign-up")
        page.get_by_label("Name").fill("Ada")
        page.get_by_label("Mail address").fill(visitor.email)
        page.get_by_label("Password").fill(visitor.password)
        page.get_by_role("button", name="Sign up").click()
    else:
        page.goto(f"{visitor.address}/#/log-in")
    expect(page.get_by_role("alert")).to_contain_text("cannot be shown right now")
    visitor.picture(f"fallback-{app}")
    expect(page.get_by_role("navigation")).to_be_visible()
    [event] = errors_of(visitor.trace_id())
    _belongs_to(event, app, bugsink, stack)
    assert event.tags["event"] == "module.failed"
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("main form")).to_be_visible()


@pytest.mark.parametrize("file", ["platform", "main"])
def test_shell_that_does_not_load_leaves_a_useful_page_and_reports_itself(
    visitor: Visitor, bugsink: Bugsink, stack: Stack, errors_of: Callable[..., list[ErrorEvent]], file: str
) -> None:
    """Without this a failed deployment of the shell says "Loading" for ever, and nobody but the customers knows."""
    page = visitor.page
    page.route(f"**/assets/frontend-shell/*/{file}-*.js", lambda route: route.abort())
    page.goto(f"{visitor.address}/")
    expect(page.get_by_role("alert")).to_contain_text("cannot be shown right now")
    visitor.picture(f"fallback-shell-without-{file}")
    [event] = errors_of(visitor.trace_id())
    _belongs_to(event, "frontend-shell", bugsink, stack)
    assert event.tags["event"] == "module.failed"
    assert event.exceptions[-1]["type"] == "ShellUnavailable"
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Payments you can follow")).to_be_visible()


def test_failure_of_a_service_shows_the_trace_id_that_finds_it(
    visitor: Visitor, bugsink: Bugsink, errors_of: Callable[..., list[ErrorEvent]]
) -> None:
    """Without this support asks a customer what they were doing, and when exactly."""
    trace_id = visitor.break_by("server payments")
    events = errors_of(trace_id)
    assert [event.project for event in events] == [bugsink.projects()["payments"]]
    visitor.picture("break-panel")


def test_customers_mistakes_and_declined_cards_make_no_error_event(
    visitor: Visitor, bugsink: Bugsink, errors_of: Callable[..., list[ErrorEvent]]
) -> None:
    """Without this the tracker is full of people who mistyped a number."""
    began = time.time()
    visitor.sign_up()
    declined = visitor.pay("is declined")
    later = visitor.break_by("throw shell")
    errors_of(later)
    seen = [event for name in PARTS for event in bugsink.events(bugsink.projects()[name], began)]
    assert declined not in {event.trace_id for event in seen}


def _belongs_to(event: ErrorEvent, app: str, bugsink: Bugsink, stack: Stack) -> None:
    assert event.project == bugsink.projects()[app] == frontends()[app].errors
    assert event.data["release"] == f"{app}@{stack.version(app)}"
    assert event.data["environment"] == stack.environment
    assert event.tags["service"] == app
    assert event.tags["team"] == frontends()[app].team


def _marked_line(frame: str) -> str:
    return next(line for line in frame.splitlines() if line.startswith("▶"))
