"""Customers with a real browser, for what fails only there."""

import threading
from contextlib import suppress

from sandbox.model.stack import Stack

__all__ = ["go_on"]

PAUSE_SECONDS = 1.0


def go_on(stack: Stack, stop: threading.Event) -> None:
    """Visit the product again and again until `stop` is set; a page that fails is what these visits are for."""
    # Loaded here alone: a browser is needed by one scenario.
    from playwright.sync_api import Error, sync_playwright

    from sandbox.traffic.browser import launched, visiting

    with sync_playwright() as playwright, launched(playwright) as browser:
        while not stop.wait(PAUSE_SECONDS):
            with (
                suppress(Error, AssertionError),
                visiting(browser, stack.url("gateway"), stack.reports / "screenshots") as visitor,
            ):
                visitor.sign_up().pay()
                # What the page reports about itself it sends when it is idle.
                visitor.page.wait_for_timeout(PAUSE_SECONDS * 1000)
