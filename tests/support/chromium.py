"""A Chromium for a whole session of tests."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from sandbox.model.errors import StackError
from sandbox.traffic.browser import launched

__all__ = ["chromium"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Launch Chromium. If there is none, end the session with instructions: none of its tests could pass."""
    with sync_playwright() as playwright, ExitStack() as ends:
        try:
            browser = ends.enter_context(launched(playwright))
        except StackError as missing:
            pytest.exit(f"{missing.problem} {missing.next_step}", 1)
        yield browser
