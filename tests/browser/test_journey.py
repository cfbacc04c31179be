"""Customers get done what they came for: with mouse, keyboard or phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from sandbox.traffic.browser import PHONE, Visitor


@pytest.mark.parametrize("device", [pytest.param("desktop", marks=pytest.mark.engine("the thin path")), "phone"])
def test_customer_signs_up_pays_is_declined_refunds_and_leaves(visit: Callable, device: str) -> None:
    """Without this nobody knows whether the product works for a person at all."""
    with visit(**(PHONE if device == "phone" else {})) as visitor:
        page = visitor.page
        visitor.open()
        visitor.picture(f"{device}-1-home")
        visitor.open("sign-up")
        visitor.picture(f"{device}-2-sign-up")
        visitor.sign_up()
        visitor.pay("is approved", "12.50", "A book")
        expect(page.get_by_text("You paid €12.50")).to_be_visible()
        visitor.pay("is declined", "99", "A train ticket")
        expect(page.get_by_role("alert")).to_contain_text("The card was declined")
        visitor.picture(f"{device}-3-declined")
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(2)
        expect(rows.nth(0)).to_contain_text("Declined")
        page.get_by_role("button", name="Refund A book").click()
        visitor.picture(f"{device}-4-refund")
        page.get_by_role("dialog").get_by_role("button", name="Refund", exact=True).click()
        expect(rows.nth(1)).to_contain_text("Refunded")
        expect(page.get_by_role("button", name="Refund A book")).to_have_count(0)
        _fits(page)
        page.get_by_role("link", name="Account").click()
        expect(page.get_by_text(visitor.email)).to_be_visible()
        visitor.picture(f"{device}-5-account")
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
        visitor.open("payments")
        expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
        assert visitor.complaints == []


def test_reload_keeps_the_session_and_a_second_tab_has_none(visitor: Visitor) -> None:
    """Without this a customer logs in again for each payment, or a shared machine leaks a session."""
    visitor.sign_up()
    visitor.page.reload()
    expect(visitor.page.get_by_role("heading", name="New payment")).to_be_visible()
    assert visitor.page.evaluate("Object.values(localStorage).length + document.cookie.length") == 0


def test_whole_journey_is_possible_by_keyboard_alone(visitor: Visitor) -> None:
    """Without this whoever cannot use a mouse cannot pay."""
    page, keyboard = visitor.page, visitor.page.keyboard
    visitor.open()
    keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    _tab_to(page, "Create an account")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Create an account")).to_be_visible()
    expect(page.locator("main")).to_be_focused()
    for value in ("Kay Board", visitor.email, visitor.password):
        keyboard.press("Tab")
        keyboard.type(value)
    keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New payment")).to_be_visible()
    for value in ("7.25", "", "A ticket", "4242424242424242", "12/30", "123"):
        keyboard.press("Tab")
        keyboard.type(value)
    visitor.picture("keyboard-focus")
    keyboard.press("Enter")
    expect(page.get_by_text("You paid €7.25")).to_be_visible()
    expect(page.get_by_role("button", name="Refund A ticket")).to_be_visible()
    _tab_to(page, "Refund")
    keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert visitor.complaints == []


def test_mistakes_in_the_form_are_explained_before_anything_is_sent(visitor: Visitor) -> None:
    """Without this a customer reads about HTTP when a date was mistyped."""
    visitor.sign_up()
    visitor.page.get_by_role("button", name="is approved").click()
    visitor.page.get_by_label("Amount").fill("much")
    visitor.page.get_by_role("button", name="Pay", exact=True).click()
    expect(visitor.page.get_by_role("alert")).to_contain_text("Write the amount like 12.50")
    assert not [r for r in visitor.requests if r.method == "POST" and r.url.endswith("/api/payments")]


def test_every_control_has_a_name_and_every_page_one_main_heading(visitor: Visitor) -> None:
    """Without this a screen reader says "button, button, edit"."""
    visitor.sign_up()
    visitor.pay()
    for view in ("payments", "account", "break"):
        visitor.open(view)
        expect(visitor.page.get_by_role("heading", level=1)).to_have_count(1)
        nameless = visitor.page.evaluate(
            """() => [...document.querySelectorAll("button, a, input, select")].filter((element) => {
                 const label = element.labels?.[0]?.textContent ?? element.getAttribute("aria-label");
                 return !(label ?? element.textContent ?? "").trim();
               }).map((element) => element.outerHTML)"""
        )
        assert nameless == [], f"on {view}"
        assert visitor.page.evaluate("document.documentElement.lang") == "en"


def _fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page scrolls sideways"


def _tab_to(page: Page, text: str, presses: int = 40) -> None:
    for _ in range(presses):
        page.keyboard.press("Tab")
        if text in page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError(f"{text!r} cannot be reached with {presses} tabs")
