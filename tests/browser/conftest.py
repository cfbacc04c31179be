"""The product in a real browser, against a stack that runs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import httpx
import pytest
from playwright.sync_api import Browser

from sandbox.model.stack import Stack
from sandbox.traffic.browser import Visitor, visiting
from sandbox_testing import direct, eventually
from tests.support.chromium import chromium

DEPLOYED_WITHIN_SECONDS = 60.0


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session", autouse=True)
def deployed(stack: Stack) -> None:
    """Wait until the gateway serves the product; a container that publishes a part of it may still be at work."""

    def served() -> bool:
        return "Sandbox Pay" in direct.get(stack.url("gateway"), timeout=5.0).text

    try:
        direct.get(f"{stack.url('gateway')}/readyz", timeout=5.0).raise_for_status()
    except httpx.HTTPError as refused:
        pytest.exit(f"the gateway is not ready ({refused}). Start the stack: make up", 9)
    eventually("the product at the gateway's address", served, timeout=DEPLOYED_WITHIN_SECONDS)


@pytest.fixture(scope="session")
def visit(browser: Browser, stack: Stack) -> Callable[..., AbstractContextManager[Visitor]]:
    """``with visit() as visitor:``, with Playwright's options of a browser context."""
    return partial(visiting, browser, stack.url("gateway"), stack.reports / "screenshots")


@pytest.fixture
def visitor(visit: Callable[..., AbstractContextManager[Visitor]]) -> Iterator[Visitor]:
    """Somebody new, at a desk."""
    with visit() as somebody:
        yield somebody
