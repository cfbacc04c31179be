"""Measures how long the gateway accepts no connections during its release; nothing is in front of it."""

import contextlib
import io
import threading
import time
from itertools import pairwise

import httpx

from sandbox.model.stack import Stack
from sandbox.release import commands
from sandbox_testing import direct

__all__ = ["gap"]

VERSION = "0.1.1-gap"
EVERY_SECONDS = 0.02


def gap(stack: Stack) -> float:
    """Release the gateway and roll it back. Return the longest time between two responses meanwhile, in seconds."""
    answered: list[float] = []
    stop = threading.Event()

    def knock() -> None:
        with httpx.Client(
            base_url=stack.url("gateway"), timeout=2.0, trust_env=False, verify=direct.certificates()
        ) as client:
            while not stop.wait(EVERY_SECONDS):
                with contextlib.suppress(httpx.HTTPError):
                    client.get("/livez")
                    answered.append(time.monotonic())

    knocking = threading.Thread(target=knock, daemon=True)
    knocking.start()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            commands.release(stack.root, "gateway", VERSION, print)
            commands.rollback(stack.root, "gateway", print)
    finally:
        stop.set()
        knocking.join(5)
    return round(max(later - before for before, later in pairwise(answered)), 2)
