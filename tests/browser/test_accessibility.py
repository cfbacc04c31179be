"""Everybody can use the product: checked by axe-core in light and dark, and enlarged."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from sandbox.traffic.browser import Visitor

# The success criteria of WCAG 2.2, levels A and AA, and what axe-core calls good practice.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# Twice and four times as large: 1280 pixels hold half and a quarter of what they held.
ENLARGED = {"200 %": 640, "400 %": 320}
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def pages(visit: Callable[..., AbstractContextManager[Visitor]]) -> dict[str, dict[str, Any]]:
    """Each page and state of the product: its complaints in either scheme, and its widths in pixels when enlarged."""
    with visit(reduced_motion="reduce") as visitor:
        return {
            what: {scheme: _complaints(visitor, what, scheme) for scheme in SCHEMES}
            | {enlarged: _width(visitor, width) for enlarged, width in ENLARGED.items()}
            for what in _pages(visitor)
        }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_page_breaks_a_rule_of_accessibility(pages: dict[str, dict[str, Any]], scheme: str) -> None:
    """Without this the grey on grey that a designer likes is a page that others cannot read."""
    assert len(pages) == 9
    assert {what: page[scheme] for what, page in pages.items() if page[scheme]} == {}


@pytest.mark.parametrize("enlarged", ENLARGED)
def test_enlarged_page_needs_no_scrolling_sideways(pages: dict[str, dict[str, Any]], enlarged: str) -> None:
    """Without this whoever needs large letters reads each line by moving the page to and fro."""
    assert {what: page[enlarged] for what, page in pages.items() if page[enlarged] > ENLARGED[enlarged]} == {}


def _pages(visitor: Visitor) -> Iterator[str]:
    """Go through every page and state of the product; the name of each, while it is on the screen."""
    page = visitor.page
    for view in ("", "log-in"):
        visitor.open(view)
        yield view or "home"
    page.get_by_label("Mail address").fill(visitor.email)
    page.get_by_label("Password").fill(visitor.password)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "log-in-refused"
    visitor.open("sign-up")
    yield "sign-up"
    visitor.sign_up()
    visitor.pay("is declined")
    yield "payments-declined"
    visitor.pay()
    page.get_by_role("button", name="Refund A book").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    yield "refund"
    visitor.open("account")
    yield "account"
    visitor.break_by("server payments")
    yield "break"
    visitor.break_by("unload frontend-account")
    yield "fallback"


def _complaints(visitor: Visitor, what: str, scheme: Literal["light", "dark"]) -> list[str]:
    """Which rule is broken by which element."""
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.picture(f"{scheme}-{what}")
    violations = Axe().run(visitor.page, options=RULES).response["violations"]
    return [f"{one['id']}: {node['html'][:120]}" for one in violations for node in one["nodes"]]


def _width(visitor: Visitor, width: int) -> int:
    """How wide the content is on a screen of that width."""
    usual = visitor.page.viewport_size
    visitor.page.set_viewport_size({"width": width, "height": 450})
    try:
        return visitor.page.evaluate("document.documentElement.scrollWidth")
    finally:
        visitor.page.set_viewport_size(usual)
