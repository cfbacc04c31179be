"""Runs the commands of docs/own-service.md with a plain third-party app.

Measures how soon after the app's first request each signal is found.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from sandbox.dashboards.queries import load
from sandbox.dashboards.shown import EVERY_SERVICE_HAS, shown
from sandbox.model.stack import Stack
from sandbox_testing import Bugsink, Loki, NotSeen, Prometheus, Sandbox, Tempo, eventually

__all__ = ["EXAMPLE", "blocks", "commands", "own_service"]

SECTION = "In two minutes"
EXAMPLE = "examples/fastapi"
APP = "shop"
# Time to create the virtual environment first; not part of the measurement.
INSTALL_SECONDS = 300.0
PATIENCE_SECONDS = 120.0


def own_service(root: Path, installed: Path | None = None) -> dict[str, object]:
    """Return seconds from the app's first request until each signal is found.

    Needs a running stack, and a package index unless `installed` is a virtual environment of the app's lock: the page's
    commands then find everything installed.
    """
    stack, name = Stack(root), f"{APP}-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory(prefix="own-service-") as folder:
        copied = [path for path in (root / EXAMPLE).iterdir() if path.is_file()]
        (Path(folder) / EXAMPLE).mkdir(parents=True)
        for path in copied:
            shutil.copy(path, Path(folder) / EXAMPLE)
        if installed:
            shutil.copytree(installed, Path(folder) / EXAMPLE / ".venv", symlinks=True)
        with _following(commands(stack, name), Path(folder)) as page:
            with contextlib.closing(_Watch(stack, name, time.time())) as watch:
                seconds = watch.seconds(page.running)
            page.end()
            return {"seconds": seconds, "answers": page.answers()}


def blocks(text: str) -> list[str]:
    """Return the commands of the page's first section, block by block."""
    section = text.split(f"\n## {SECTION}\n")[1].split("\n## ")[0]
    return re.findall(r"```bash\n(.*?)```", section, re.DOTALL)


def commands(stack: Stack, name: str) -> str:
    """Return all commands with the ports of this stack and an unused app name.

    The name is new, so that only the app's own data is found.
    """
    written = {value: variable for variable, value in dotenv_values(stack.root / ".env").items()}

    def port(match: re.Match[str]) -> str:
        variable = written.get(match[1], "")
        return f"127.0.0.1:{stack.settings[variable] if variable.endswith('_PORT') else match[1]}"

    text = "\n".join(blocks((stack.root / "docs" / "own-service.md").read_text(encoding="utf-8")))
    named = re.sub(rf'(SERVICE_NAME=|=")({APP})\b', rf"\g<1>{name}", text)
    return re.sub(r"127\.0\.0\.1:(\d+)", port, named)


@dataclass
class _Page:
    process: subprocess.Popen[bytes]
    output: Path

    def running(self) -> None:
        """Check the commands. Raises AssertionError with their output if one has failed."""
        assert self.process.poll() in (None, 0), self.output.read_text()

    def end(self) -> None:
        """Wait until the page's last command was run."""
        self.process.wait(timeout=PATIENCE_SECONDS)
        self.running()

    def answers(self) -> dict[str, int]:
        """Return the number of results per store of the page's own queries."""
        lines = [json.loads(line) for line in self.output.read_text().splitlines() if line.startswith('{"')]
        found = {"trace": 0, "line": 0, "metric": 0}
        for line in lines:
            if "traces" in line:
                found["trace"] += len(line["traces"])
            elif line.get("data", {}).get("resultType") == "streams":
                found["line"] += sum(len(stream["values"]) for stream in line["data"]["result"])
            elif line.get("data", {}).get("resultType") == "vector":
                found["metric"] += len(line["data"]["result"])
        return found


@contextmanager
def _following(text: str, folder: Path) -> Iterator[_Page]:
    """Run the commands in a shell in a folder; terminate them and their descendants afterwards."""
    output = folder / "output"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            ["bash", "-e", "-c", text],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield _Page(process, output)
    finally:
        _end(process)


def _end(leader: subprocess.Popen[bytes]) -> None:
    """Terminate a process and its descendants, which are one process group."""
    with contextlib.suppress(ProcessLookupError, NotSeen):
        os.killpg(leader.pid, signal.SIGTERM)
        leader.wait()
        eventually("the end of the app", lambda: not _runs(leader.pid), timeout=5.0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader.pid, signal.SIGKILL)
    leader.wait()


def _runs(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass
class _Watch:
    """Looks for each signal of a service that first appeared after ``began`` (seconds since the epoch)."""

    stack: Stack
    name: str
    began: float
    seen: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at = Sandbox.from_environment(self.stack.settings)
        self.tempo, self.loki, self.prometheus = Tempo(at.tempo), Loki(at.loki), Prometheus(at.prometheus)
        self.bugsink = Bugsink(at.bugsink, at.bugsink_token)
        self.board = load("service")

    def close(self) -> None:
        for store in (self.tempo, self.loki, self.prometheus, self.bugsink):
            store.close()

    def seconds(self, alive: Callable[[], None]) -> dict[str, float]:
        """Return seconds per signal. Raises NotSeen if one is not found in time."""
        first = eventually(
            f"the first request of {self.name}", lambda: self._first(alive), timeout=INSTALL_SECONDS, interval=0.2
        )
        eventually(
            f"every signal of {self.name}", lambda: self._look(first), bool, timeout=PATIENCE_SECONDS, interval=0.2
        )
        sent_at = self.tempo.trace(first)[0].start / 1e9
        return {what: round(at - sent_at, 1) for what, at in self.seen.items()}

    def _first(self, alive: Callable[[], None]) -> str:
        alive()
        found = self.tempo.search(f'{{resource.service.name="{self.name}"}}', self.began, time.time())
        return min(found, key=lambda trace: int(trace["startTimeUnixNano"]))["traceID"] if found else ""

    def _look(self, trace_id: str) -> bool:
        probes: dict[str, Callable[[], object]] = {
            "trace": lambda: self.tempo.trace(trace_id),
            "log line": lambda: self.loki.of_trace(trace_id, self.began),
            "metric": lambda: self.prometheus.query(
                f'http_server_request_duration_seconds_count{{service="{self.name}"}}'
            ),
            "error": lambda: self.bugsink.of_trace(trace_id, self.began),
            "dashboard": lambda: shown(self.prometheus, self.board, self.name) >= EVERY_SERVICE_HAS,
        }
        for what, probe in probes.items():
            if what not in self.seen and probe():
                self.seen[what] = time.time()
        return self.seen.keys() == probes.keys()
