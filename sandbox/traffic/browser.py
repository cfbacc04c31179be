"""A real Chromium and a user who operates the product with it."""

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Error, Page, Playwright, Request, expect

from sandbox.model.errors import StackError
from sandbox_testing import eventually

__all__ = ["DESKTOP", "PHONE", "Visitor", "launched", "visiting"]

DESKTOP = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
# The browser must send no requests of its own, only those of the page under test.
OPTIONS = ("--disable-background-networking", "--disable-component-update", "--disable-gpu", "--disable-quic",
           "--disable-sync", "--no-first-run")  # fmt: skip
INSTALL = (
    "On Debian: apt-get install chromium. Elsewhere: set CHROMIUM to the program, or run "
    "`.venv/bin/playwright install chromium`."
)
# Sufficient for a busy machine; only a page that hangs exceeds it.
PATIENCE_MILLISECONDS = 20_000


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """Launch this machine's Chromium headless, or the one that Playwright installed.

    Raises StackError that says what to install.
    """
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    # As root, Chromium starts only without its own sandbox.
    options = [*OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    try:
        browser = playwright.chromium.launch(executable_path=found, args=options)
    except Error as error:
        problem = "No Chromium is installed." if found is None else f"{found} does not start: {error}"
        raise StackError(problem, INSTALL) from error
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Visitor:
    """A user of the product.

    ``reports`` are the reports that the page sent about itself. ``complaints`` are the browser's errors: violations of
    the security policy, and unhandled exceptions.
    """

    page: Page
    address: str
    pictures: Path
    email: str = field(default_factory=lambda: f"visitor-{secrets.token_hex(6)}@example.com")
    password: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    reports: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(self, view: str = "") -> "Visitor":
        """Load the page again."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/#/{view}")
        expect(self.page.locator("main h1, main h2").first).to_be_visible()
        return self

    def sign_up(self, name: str = "Ada Example") -> "Visitor":
        self.open("sign-up")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Mail address").fill(self.email)
        self.page.get_by_label("Password").fill(self.password)
        self.page.get_by_role("button", name="Sign up").click()
        expect(self.page.get_by_role("heading", name="New payment")).to_be_visible()
        return self

    def pay(self, card: str = "is approved", amount: str = "12.50", description: str = "A book") -> str:
        """Pay with one of the test cards; return the trace id that the page shows."""
        self.page.get_by_label("Amount").fill(amount)
        self.page.get_by_label("What for").fill(description)
        self.page.get_by_role("button", name=re.compile(card)).click()
        shown = self.page.locator("form [data-trace-id]")
        before = shown.get_attribute("data-trace-id") if shown.count() else None
        self.page.get_by_role("button", name="Pay", exact=True).click()
        expect(shown).not_to_have_attribute("data-trace-id", before or "")
        return self.trace_id("form")

    def trace_id(self, within: str = "main") -> str:
        """Return the trace id on the page."""
        shown = self.page.locator(f"{within} [data-trace-id]").first
        expect(shown).to_be_visible()
        return shown.inner_text()

    def break_by(self, what: str) -> str:
        """Press a button of the panel that causes errors; return the trace id of the request."""
        if "#/break" not in self.page.url:
            self.open("break")
        shown = self.page.locator(".outcome [data-trace-id]")
        before = shown.get_attribute("data-trace-id") if shown.count() else None
        self.page.locator(f'[data-break="{what}"]').click()
        expect(shown).not_to_have_attribute("data-trace-id", before or "")
        return self.trace_id(".outcome")

    def until(self, what: str, look: Callable[[], object]) -> None:
        """Wait for an event of the browser; Playwright delivers events only during its own calls."""
        eventually(what, lambda: (self.page.evaluate("0"), look())[1])

    def picture(self, name: str) -> None:
        """Take a screenshot of the whole page."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)

    def watch(self) -> None:
        self.page.on("request", self._on_request)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._on_console(message.type, message.text))

    def _on_request(self, request: Request) -> None:
        self.requests.append(request)
        if "/telemetry/" in request.url:
            self.reports.append(f"{request.url} {request.headers} {request.post_data}")

    def _on_console(self, kind: str, text: str) -> None:
        self.reports.append(f"console: {text}")
        if "Content Security Policy" in text or "Trusted" in text:
            self.complaints.append(text)


@contextmanager
def visiting(browser: Browser, address: str, pictures: Path, **options: Any) -> Iterator[Visitor]:
    """Provide a visitor without data of earlier visits."""
    context: BrowserContext = browser.new_context(**{**DESKTOP, **options})
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    visitor = Visitor(context.new_page(), address, pictures)
    visitor.watch()
    try:
        yield visitor
    finally:
        context.close()
