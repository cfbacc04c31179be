"""Pauses the synthetic customer while a test counts requests."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import Event, Thread

from sandbox.model.catalog import catalog
from sandbox.model.stack import Stack
from sandbox_testing import direct
from sandbox_testing.observe import Unchanged
from sandbox_testing.polling import eventually

__all__ = ["silence"]

STILL_SECONDS = 1.5
# The synthetic customer resumes by itself after ten minutes.
RENEWED_SECONDS = 120.0


@contextmanager
def silence(stack: Stack, counts: Callable[[], object]) -> Iterator[None]:
    """Pause the synthetic customer while the block runs. Starts when ``counts`` are stable for a moment."""
    with _paused(f"{stack.url('customer')}/control") if "customer" in catalog() else nullcontext():
        still = Unchanged(STILL_SECONDS)
        eventually("the counters to stand still", counts, still, timeout=30.0)
        yield


@contextmanager
def _paused(control: str) -> Iterator[None]:
    """Renew the pause repeatedly: a test may last longer than one pause."""
    over = Event()

    def tell(paused: bool) -> None:
        direct.put(control, json={"paused": paused}, timeout=5.0).raise_for_status()

    def remind() -> None:
        while not over.wait(RENEWED_SECONDS):
            tell(True)

    tell(True)
    reminder = Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield
    finally:
        over.set()
        reminder.join()
        tell(False)
