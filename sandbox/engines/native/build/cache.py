"""The cache of built programs and Python environments, shared by all clones on this machine."""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sandbox.model.errors import StackError

__all__ = ["digest", "directory", "exclusive", "require_space"]

GIB = 1 << 30


def directory() -> Path:
    """Return ${SANDBOX_CACHE}, or observability-sandbox in ${XDG_CACHE_HOME:-~/.cache}; create it if absent."""
    chosen = os.environ.get("SANDBOX_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = Path(chosen).expanduser().absolute() if chosen else base / "observability-sandbox"
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"cannot make the cache directory {path}: {error.strerror}"
        raise StackError(problem, "Set SANDBOX_CACHE to a folder that you may write to.") from error
    return path


def digest(*parts: bytes | str) -> str:
    """Return the first 12 hex digits of the SHA-256 of all parts."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:12]


@contextlib.contextmanager
def exclusive(waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the cache's lock. Call `waiting` once, with a sentence for the user, if another process holds it.

    The kernel releases the lock when the process exits, so that a killed build never keeps it.
    """
    with (directory() / "lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            waiting(f"Another build is running (process {file.read().strip() or 'unknown'}); waiting for it to finish.")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def require_space(needs: Sequence[tuple[Path, float]]) -> None:
    """Raise StackError if a file system has less free space than the sum of its `needs` (folder, GiB)."""
    wanted: dict[int, tuple[Path, float]] = {}
    for path, gib in needs:
        while not path.exists():
            path = path.parent
        device = path.stat().st_dev
        first, sum_so_far = wanted.get(device, (path, 0.0))
        wanted[device] = first, sum_so_far + gib
    for path, gib in wanted.values():
        free = shutil.disk_usage(path).free / GIB
        if free < gib:
            raise StackError(
                f"not enough disk: the build needs about {gib:.1f} GiB under {path}, {free:.1f} GiB are free",
                "Free some, or point SANDBOX_CACHE, GOCACHE and GOMODCACHE to a larger disk.",
            )
