"""process-compose: started in the background and controlled through its unix socket. It opens no TCP port."""

import contextlib
import http.client
import json
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.engines.native.project import MARKER, SYSTEM_PATH, write_project
from sandbox.model.layout import Layout

__all__ = ["ENDED", "ProcessState", "Supervisor"]

# The supervisor's memory figures, which are not used here, would take a third of the CPU time of a start: it reads all
# of /proc for each process. The longest possible interval prevents even the first measurement.
NEVER_MEASURE = "2562047h47m16.854775807s"
ENDED = {"Completed", "Error", "Skipped", "Terminating"}
# The system's error for a signal to a process that does not exist (ESRCH), once per signalled process and nothing else.
NOBODY_SIGNALLED = re.compile(r'\{"error":"no such process(\\nno such process)*"\}\s*')
NOT_RUNNING = re.compile(r'\{"error":"process \S+ is not running"\}\s*')
STILL_RUNNING = re.compile(r'\{"error":"process \S+ is already running"\}\s*')
# Longer than the supervisor waits before it kills a process that does not exit.
END_SECONDS = 60.0
# Longer than the supervisor needs to start a program, also on a busy machine.
START_SECONDS = 15.0
POLL_SECONDS = 0.02


class _NotRunningError(ConnectionError):
    """The supervisor runs no process of that name."""


class _StillRunningError(ConnectionError):
    """The supervisor has not yet forgotten the previous process of that name."""


class _AlreadyEndedError(ConnectionError):
    """The process exited before the supervisor waited for it, so that its kill fails."""


ERRORS = {NOBODY_SIGNALLED: _AlreadyEndedError, NOT_RUNNING: _NotRunningError, STILL_RUNNING: _StillRunningError}


@dataclass(frozen=True)
class ProcessState:
    """The supervisor's state of one process. `probed` says whether it has a health check."""

    name: str
    status: str
    health: str
    probed: bool
    pid: int
    restarts: int
    exit_code: int

    @property
    def ready(self) -> bool:
        """Whether it is healthy, or running without a health check, or exited successfully as intended."""
        if self.status == "Completed":
            return self.exit_code == 0 and not self.probed
        return self.status == "Running" and (self.health == "Ready" or not self.probed)

    def failed(self, restarts_before: int = 0) -> bool:
        """Whether it ended other than intended (see `ready`), or has more restarts than `restarts_before`."""
        return self.restarts > restarts_before or (self.status in ENDED and not self.ready)


class Supervisor:
    """The process-compose of one checkout."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def start(self, executable: Path) -> int:
        """Start it in its own session; return its process id."""
        self.layout.logs.mkdir(parents=True, exist_ok=True)
        self.layout.socket.unlink(missing_ok=True)
        with (self.layout.logs / "process-compose.log").open("wb") as output:
            process = subprocess.Popen(
                [
                    executable,
                    "--config", self.layout.project,
                    "--use-uds", "--unix-socket", self.layout.socket,
                    "--log-file", self.layout.logs / "process-compose.events.log",
                    "--slow-ref-rate", NEVER_MEASURE,
                    "--tui=false", "--disable-dotenv", "--keep-project", "--ordered-shutdown",
                ],
                cwd=self.layout.run,
                # GOGC: it holds little but logs, so frequent garbage collection is cheap.
                env={"GOGC": "30", "PATH": SYSTEM_PATH, "HOME": str(self.layout.run), MARKER: str(self.layout.root)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=output,
                start_new_session=True,
            )  # fmt: skip
        return process.pid

    def alive(self) -> bool:
        """Whether it responds."""
        try:
            self._ask("GET", "/live", timeout=2)
        except OSError:
            return False
        return True

    def states(self) -> dict[str, ProcessState]:
        """Return every process by name."""
        entries = self._ask("GET", "/processes")["data"]
        return {
            entry["name"]: ProcessState(
                entry["name"],
                entry["status"],
                entry["is_ready"],
                entry["has_ready_probe"],
                entry["pid"],
                entry["restarts"],
                entry["exit_code"],
            )
            for entry in sorted(entries, key=lambda entry: entry["name"])
        }

    def load(self, project: dict[str, Any]) -> dict[str, str]:
        """Load another project: restart changed processes, start new ones, end others.

        Changed processes are ended first. If the supervisor ends a process itself, it may assign the state of the old
        one to the new one, which then seems never to start (a race in process-compose 1.64.1).
        """
        states, before = self.states(), self._processes()
        write_project(project, self.layout.project)
        for name, process in self._processes().items():
            if name in states and states[name].status == "Running" and process != before.get(name):
                self._end(name)
        try:
            return self._ask("POST", "/project/configuration")
        except _AlreadyEndedError:
            # The supervisor has dropped that process and does not continue with it. After another load, it is a new
            # one.
            return self._ask("POST", "/project/configuration")

    def _processes(self) -> dict[str, Any]:
        return json.loads(self.layout.project.read_text(encoding="utf-8"))["processes"]

    def _end(self, name: str) -> None:
        """Ask a process to end, repeatedly, until the supervisor reports that it is not running.

        After END_SECONDS, the supervisor may end it in its own way.
        """
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            try:
                self.stop_process(name)
            except _NotRunningError:
                return
            time.sleep(POLL_SECONDS)

    def start_process(self, name: str) -> None:
        """Start a process that has exited; return when the supervisor reports the state of the new one.

        Until the new process runs, the supervisor (1.64.1) reports the state of the old one, which has exited. If that
        does not change within START_SECONDS, the state is the new one: both ended in the same way.
        """
        before, deadline = self.states()[name], time.monotonic() + START_SECONDS
        while True:
            try:
                self._ask("POST", f"/process/start/{name}")
                break
            except _StillRunningError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(POLL_SECONDS)
        while self.states()[name] == before and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def stop_process(self, name: str) -> None:
        """Ask a process to end; it is not restarted automatically."""
        with contextlib.suppress(_AlreadyEndedError):
            self._ask("PATCH", f"/process/stop/{name}", timeout=60)

    def stop(self) -> None:
        """Ask every process to end, dependants first, then the supervisor; return when they have exited."""
        self._ask("POST", "/project/stop", timeout=60)

    def _ask(self, method: str, path: str, timeout: float = 30) -> Any:
        """Return the response to one request, parsed as JSON.

        Raises OSError if there is no response or the response is an error.
        """
        connection = _UnixConnection(self.layout.socket, timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        if answer.status >= 300:
            told = content.decode(errors="replace")
            kind = next((one for said, one in ERRORS.items() if said.fullmatch(told)), ConnectionError)
            raise kind(f"{method} {path}: {answer.status} {told}")
        return json.loads(content)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket. Importing an HTTP library would add a fifth of a second to `make up`."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
