"""The log files that the supervisor writes, one per component."""

import shutil
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from sandbox.model.layout import Layout

__all__ = ["follow_logs", "rotate_logs", "tail"]

FOLLOW_SECONDS = 0.3


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a file; none if it does not exist."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=lines)]


def rotate_logs(layout: Layout) -> None:
    """Keep the logs of the previous run, and only those, in .run/logs.previous."""
    if layout.logs.exists():
        shutil.rmtree(layout.previous_logs, ignore_errors=True)
        layout.logs.rename(layout.previous_logs)
    layout.logs.mkdir(parents=True)


def follow_logs(layout: Layout, services: list[str], lines: int, follow: bool) -> Iterator[str]:
    """Yield `<service> | <line>`: the last lines of each service; with `follow`, then new ones without end."""
    width = max(map(len, services), default=0)
    offsets = {}
    for name in services:
        path = layout.log(name)
        offsets[name] = path.stat().st_size if path.exists() else 0
        for line in tail(path, lines):
            yield f"{name:{width}} | {line}"
    while follow:
        for name in services:
            path = layout.log(name)
            size = path.stat().st_size if path.exists() else 0
            if size < offsets[name]:
                offsets[name] = 0
            if size > offsets[name]:
                with path.open("rb") as file:
                    file.seek(offsets[name])
                    added = file.read(size - offsets[name])
                whole = added[: added.rfind(b"\n") + 1]
                offsets[name] += len(whole)
                for line in whole.decode("utf-8", errors="replace").splitlines():
                    yield f"{name:{width}} | {line}"
        time.sleep(FOLLOW_SECONDS)
