"""Checks before a start: free disk space, free ports, readable configuration."""

import shutil
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox.model.compose import Port, Service
from sandbox.model.errors import StackError

__all__ = ["check_disk", "check_line_ends", "check_ports", "check_readable"]

GIB = 1024**3
# The maximum size of the volumes in GiB: half a GiB for Prometheus, the rest for the other stores and the logs.
NEEDED_GIB = 1.5
# Files that programs create next to the configuration, and the user's own secrets.
NOT_OURS = {"__pycache__", "secrets"}


@dataclass(frozen=True)
class Holder:
    """The process that listens on a port; `process` is None if it belongs to another user and is not visible."""

    port: int
    variable: str | None
    service: str
    process: psutil.Process | None


def check_disk(folder: Path, needed_gib: float = NEEDED_GIB) -> None:
    """Raise StackError if the file system of `folder` has less free space than the volumes may need."""
    free = shutil.disk_usage(folder).free / GIB
    if free < needed_gib:
        raise StackError(
            f"{folder} has {free:.2f} GiB free; the stack's data may need {needed_gib} GiB.",
            "Free some space (`make clean` deletes this stack's data), or clone to a larger disk.",
        )


def check_readable(root: Path, services: Iterable[Service]) -> None:
    """Raise StackError if only its owner can read a mounted file: in a container, another user reads it."""
    closed = [path for path in _mounted(services) if not _open_to_others(path)]
    if closed:
        names = [str(path.relative_to(root)) for path in closed]
        folders = sorted({name.partition("/")[0] for name in names})
        raise StackError(
            f"{names[0]} is not readable for others, so no container can read it"
            f"{f', nor {len(names) - 1} more' if len(names) > 1 else ''}. A umask such as 077 makes files like that.",
            f"chmod -R go+rX {' '.join(folders)}",
        )


def check_line_ends(root: Path, services: Iterable[Service]) -> None:
    """Raise StackError if mounted files have Windows line endings, on which scripts and some programs fail."""
    files = [path for path in _mounted(services) if path.is_file() and b"\r\n" in path.read_bytes()]
    if files:
        names = [str(path.relative_to(root)) for path in files]
        raise StackError(
            f"{names[0]} has the line ends of Windows"
            f"{f', and so have {len(names) - 1} more files' if len(names) > 1 else ''}; Linux programs read them.",
            "Save your changes, then: git config core.autocrlf false && git rm -rq --cached . && git reset -q --hard",
        )


def check_ports(services: Iterable[Service], exposed: bool = False) -> None:
    """Raise StackError that names every occupied port and the process that holds it.

    With `exposed`, unpublished open ports are checked too: a process has no network of its own.
    """
    wanted = [(service.name, port) for service in services for port in _ports(service, exposed)]
    taken = [(name, port) for name, port in wanted if not _is_free(port.host, port.published)]
    if not taken:
        return
    listeners = _listeners()
    holders = [Holder(port.published, port.variable, name, listeners.get(port.published)) for name, port in taken]
    ids = list(dict.fromkeys(str(holder.process.pid) for holder in holders if holder.process))
    stop = f"Stop what holds {'them' if len(holders) > 1 else 'it'}" + (f" (kill {' '.join(ids)})" if ids else "")
    movable = next((holder for holder in holders if holder.variable), None)
    move = f", or choose another port: write {movable.variable}=<free port> into .env.local" if movable else ""
    raise StackError(
        f"{len(holders)} port{'s are' if len(holders) > 1 else ' is'} in use already.",
        f"{stop}{move}.",
        [f"{holder.port} ({holder.service}) is held by {_describe(holder.process)}" for holder in holders],
    )


def _mounted(services: Iterable[Service]) -> Iterator[Path]:
    """Return each mounted file and folder of the checkout once."""
    sources = {Path(mount.source) for service in services for mount in service.mounts if mount.kind == "bind"}
    for source in sorted(sources):
        for path in [source, *source.rglob("*")]:
            if path.exists() and not NOT_OURS & set(path.relative_to(source).parts):
                yield path


def _open_to_others(path: Path) -> bool:
    wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    return path.stat().st_mode & wanted == wanted


def _ports(service: Service, exposed: bool) -> list[Port]:
    inner = [Port("127.0.0.1", number, number, None) for number in service.exposed] if exposed else []
    return [*service.ports, *inner]


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # With SO_REUSEADDR, two sockets can bind a port, but only one can listen.
            probe.listen()
        except PermissionError:
            return True
        except OSError:
            return False
    return True


def _listeners() -> dict[int, psutil.Process]:
    found = {}
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return {}
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.pid:
            # The process may have exited since it was listed.
            with suppress(psutil.NoSuchProcess):
                found[connection.laddr.port] = psutil.Process(connection.pid)
    return found


def _describe(process: psutil.Process | None) -> str:
    if process is None:
        return "a process of another user (`sudo ss -ltnp` shows it)"
    try:
        command = " ".join(process.cmdline()) or process.name()
        user = process.username()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return f"process {process.pid}"
    return f"process {process.pid} of {user}: {command[:100]}"
