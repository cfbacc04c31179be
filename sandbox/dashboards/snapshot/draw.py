"""Draws dashboards of the running stack, for the command line."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from sandbox.dashboards.queries import dashboards
from sandbox.dashboards.snapshot.picture import render
from sandbox.model.stack import Stack
from sandbox_testing import direct

__all__ = ["draw"]


def draw(uids: Sequence[str], minutes: float, to: Path | None, variables: Mapping[str, str]) -> int:
    """Draw these dashboards, or all, into the folder `to`; return the exit status."""
    stack, end = Stack(), time.time()
    folder = to or stack.reports / "snapshot"
    try:
        direct.get(f"{stack.url('prometheus')}/-/ready", timeout=5.0).raise_for_status()
    except httpx.HTTPError as refused:
        print(f"Prometheus does not answer ({refused}). Start the stack: make up", file=sys.stderr)
        return 1
    known = dashboards()
    if unknown := [uid for uid in uids if uid not in known]:
        print(f"There is no dashboard {unknown[0]}. Choose from: {', '.join(known)}.", file=sys.stderr)
        return 2
    for uid in uids or known:
        print(render(uid, end - minutes * 60, end, folder / f"{uid}.png", variables=variables, stack=stack))
    return 0
