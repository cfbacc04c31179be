"""The cache directory, shared by every clone on this machine: built programs and Python environments."""

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
    """${SANDBOX_CACHE}, else observability-sandbox under ${XDG_CACHE_HOME:-~/.cache}; made when absent."""
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
    """Twelve hex digits that change when any part does."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()[:12]


@contextlib.contextmanager
def exclusive(waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the cache's lock; call `waiting` once, with a sentence for the user, when another process has it.

    The lock is the kernel's: it ends with the process that holds it, so a killed build never leaves it behind.
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
    """Refuse to begin when a file system has less free than the GiB that `needs` (folder, GiB) asks of it in sum."""
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
