"""Everybody can use the product: checked by axe-core in light and dark, and enlarged."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from sandbox.traffic.browser import Visitor

# The success criteria of WCAG 2.2, levels A and AA, and what axe-core calls good practice.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Twice and four times as large: 1280 pixels hold half and a quarter of what they held.
ENLARGED = {"200 %": 640, "400 %": 320}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_breaks_a_rule_of_accessibility(
    visit: Callable[..., AbstractContextManager[Visitor]], scheme: str
) -> None:
    """Without this the grey on grey that a designer likes is a page that others cannot read."""
    with visit(color_scheme=scheme, reduced_motion="reduce") as visitor:
        found = {what: _complaints(visitor) for what in _pages(visitor, f"{scheme}-")}
    assert len(found) == 9
    assert {what: complaints for what, complaints in found.items() if complaints} == {}


@pytest.mark.parametrize("enlarged", ENLARGED)
def test_enlarged_page_needs_no_scrolling_sideways(
    visit: Callable[..., AbstractContextManager[Visitor]], enlarged: str
) -> None:
    """Without this whoever needs large letters reads each line by moving the page to and fro."""
    size = {"width": ENLARGED[enlarged], "height": 450}
    with visit(viewport=size, device_scale_factor=2, reduced_motion="reduce") as visitor:
        wide = {what: visitor.page.evaluate("document.documentElement.scrollWidth") for what in _pages(visitor)}
    assert {what: width for what, width in wide.items() if width > ENLARGED[enlarged]} == {}


def _pages(visitor: Visitor, pictures: str = "") -> Iterator[str]:
    """Go through every page and state of the product; the name of each, while it is on the screen."""

    def shown(what: str) -> str:
        if pictures:
            visitor.picture(f"{pictures}{what}")
        return what

    page = visitor.page
    for view in ("", "log-in"):
        visitor.open(view)
        yield shown(view or "home")
    page.get_by_label("Mail address").fill(visitor.email)
    page.get_by_label("Password").fill(visitor.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield shown("log-in-refused")
    visitor.open("sign-up")
    yield shown("sign-up")
    visitor.sign_up()
    visitor.pay("is declined")
    yield shown("payments-declined")
    visitor.pay()
    page.get_by_role("button", name="Refund A book").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    yield shown("refund")
    visitor.open("account")
    yield shown("account")
    visitor.break_by("server payments")
    yield shown("break")
    visitor.break_by("unload frontend-account")
    yield shown("fallback")


def _complaints(visitor: Visitor) -> list[str]:
    """Which rule is broken by which element."""
    violations = Axe().run(visitor.page, options=RULES).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in violations for node in one["nodes"]]
