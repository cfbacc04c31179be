"""A Grafana that runs, seen by a person who has not logged in. GRAFANA_URL names another one than the stack's own."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from sandbox.dashboards.queries import load
from sandbox.model.stack import Stack
from sandbox.traffic.browser import PATIENCE_MILLISECONDS
from sandbox_testing import eventually
from tests.support.chromium import chromium
from tests.support.evidence import Evidence

# Pixels of a grid's row with its gap, and of what Grafana has above the grid.
GRID, HEAD = 38, 260
ERRORS = '[data-testid="data-testid Panel status error"], .panel-info-corner--error'
BUSY = '[aria-label="Panel loading bar"], .panel-loading'
DRAWN = '[data-testid="data-testid panel content"], .panel-content'


@dataclass
class Person:
    """Somebody at Grafana. ``complaints`` is what the browser said of the page: errors in its console, and thrown."""

    page: Page
    address: str
    version: tuple[int, ...]
    wanted: tuple[int, ...]
    evidence: Evidence
    pictures: Path
    complaints: list[str] = field(default_factory=list)

    def open(self, uid: str, variables: str = "") -> None:
        """A dashboard, whole and without further refreshes; waits until no panel loads any more."""
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in load(uid)["panels"])
        # Grafana draws a panel when it comes into view.
        self.page.set_viewport_size({"width": 1500, "height": HEAD + rows * GRID})
        self.page.goto(f"{self.address}/d/{uid}?from=now-15m&to=now&refresh=&{variables}")
        self.until(f"the panels of {uid}", lambda: self.page.locator(DRAWN).count())
        self.until(f"the answers of {uid}", lambda: not self.page.locator(BUSY).count())

    def until(self, what: str, look) -> None:
        """Wait for something that the browser tells: its events arrive only while it is spoken to."""
        eventually(what, lambda: (self.page.evaluate("0"), look())[1], timeout=PATIENCE_MILLISECONDS / 1000)

    def must(self, true: object, what: str) -> bool:
        """Fails when something is wrong; of a Grafana older than the stack's it is only said what it lacks."""
        if not true and self.version[:2] < self.wanted[:2]:
            self.evidence(lacks=f"Grafana {'.'.join(map(str, self.version))}: {what}")
            return False
        assert true, what
        return True

    def picture(self, name: str) -> None:
        self.pictures.mkdir(parents=True, exist_ok=True)
        path = self.pictures / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        self.evidence(picture=str(path))


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


@pytest.fixture(scope="session")
def address(stack: Stack) -> str:
    """Where a Grafana answers; without one these tests are skipped, and say where none was found."""
    url = (os.environ.get("GRAFANA_URL") or stack.url("grafana")).rstrip("/")
    try:
        httpx.get(f"{url}/api/health", timeout=3.0).raise_for_status()
    except httpx.HTTPError:
        pytest.skip(f"no Grafana answers at {url}; GRAFANA_URL names another one")
    return url


@pytest.fixture(scope="session")
def browser(address: str) -> Iterator[Browser]:
    with chromium() as started:
        yield started


@contextmanager
def somebody(browser: Browser, address: str, stack: Stack, evidence: Evidence) -> Iterator[Person]:
    version = numbers(httpx.get(f"{address}/api/health", timeout=5.0).json()["version"])
    wanted = numbers(stack.settings["IMAGE_GRAFANA"].rpartition(":")[2])
    evidence(grafana=address, version=version)
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    try:
        person = Person(context.new_page(), address, version, wanted, evidence, stack.reports / "grafana")
        person.page.on("pageerror", lambda error: person.complaints.append(str(error)))
        person.page.on("console", lambda said: person.complaints.append(said.text) if said.type == "error" else None)
        yield person
    finally:
        context.close()


@pytest.fixture
def person(browser: Browser, address: str, stack: Stack, evidence: Evidence) -> Iterator[Person]:
    with somebody(browser, address, stack, evidence) as anonymous:
        yield anonymous
