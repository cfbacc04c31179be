"""The synthetic customer, told to pause while a test counts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from sandbox_testing.observe import Unchanged
from sandbox_testing.polling import eventually
from tests.support.project import catalog
from tests.support.stack import Stack

__all__ = ["silence"]

STILL_SECONDS = 1.5


@contextmanager
def silence(stack: Stack, counts: Callable[[], object]) -> Iterator[None]:
    """Nobody but the test sends requests meanwhile. Begins when ``counts`` have stood still for a moment."""
    control = f"{stack.url('customer')}/control" if "customer" in catalog() else None
    if control:
        httpx.put(control, json={"paused": True}, timeout=5.0).raise_for_status()
    try:
        still = Unchanged(STILL_SECONDS)
        eventually("the counters to stand still", counts, still, timeout=30.0)
        yield
    finally:
        if control:
            httpx.put(control, json={"paused": False}, timeout=5.0).raise_for_status()
