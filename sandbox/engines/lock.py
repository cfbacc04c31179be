"""A lock, so that only one command at a time changes the stack of a checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.model.errors import StackError

__all__ = ["exclusive"]


@contextmanager
def exclusive(path: Path, doing: str) -> Iterator[None]:
    """Hold the lock file while the block runs; `doing` describes it to other commands.

    The kernel releases the lock when the process exits, even if it is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another command"
            raise StackError(
                f"{holder} is already running on this stack, so {doing} did nothing.",
                "Wait until it has ended and look with `make status`, or end it first.",
            ) from None
        file.truncate(0)
        file.write(f"`make {doing}` (process {os.getpid()})")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
