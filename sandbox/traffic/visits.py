"""Customers with a real browser, for faults that occur only there."""

import threading
from contextlib import suppress

from sandbox.model.stack import Stack

__all__ = ["go_on"]

PAUSE_SECONDS = 1.0


def go_on(stack: Stack, stop: threading.Event) -> None:
    """Visit the product repeatedly until `stop` is set. Failing pages are expected."""
    # Imported here: only one scenario needs a browser.
    from playwright.sync_api import Error, sync_playwright

    from sandbox.traffic.browser import launched, visiting

    with sync_playwright() as playwright, launched(playwright) as browser:
        while not stop.wait(PAUSE_SECONDS):
            with (
                suppress(Error, AssertionError),
                visiting(browser, stack.url("gateway"), stack.reports / "screenshots") as visitor,
            ):
                visitor.sign_up().pay()
                # The page sends its reports when it is idle.
                visitor.page.wait_for_timeout(PAUSE_SECONDS * 1000)
