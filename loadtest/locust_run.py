"""Run Locust as a separate program, and read its results."""

import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.engines.native import build
from sandbox.model.errors import StackError

__all__ = ["Failure", "Measured", "environment", "open_page", "send_people"]

USERS = Path(__file__).with_name("locustfile.py")
# Requests in progress at the end are completed, so that every request has a response and the counts can match.
STOP_SECONDS = 15


@dataclass(frozen=True)
class Failure:
    """A number of requests with an unexpected response; `why` is for example `503 instead of 201`."""

    request: str
    why: str
    times: int


@dataclass(frozen=True)
class Measured:
    """Locust's results: `times` counts requests by rounded milliseconds, `seconds` is the duration of the load.

    `traces` are the trace ids in the responses, which distinguish these requests from others.
    """

    requests: int
    failures: int
    seconds: float
    times: Counter[int]
    rows: Sequence[Mapping[str, Any]]
    reasons: Sequence[Failure] = ()
    traces: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        rows: Sequence[Mapping[str, Any]],
        reasons: Sequence[Failure] = (),
        traces: frozenset[str] = frozenset(),
    ) -> "Measured":
        """Parse Locust's report. Raises ValueError if nothing was sent."""
        if not rows:
            raise ValueError("no request was sent")
        times: Counter[int] = Counter()
        for row in rows:
            times.update({round(float(key)): count for key, count in row["response_times"].items()})
        began = min(row["start_time"] for row in rows)
        seconds = max(row["last_request_timestamp"] for row in rows) - began
        requests, failures = (sum(row[what] for row in rows) for what in ("num_requests", "num_failures"))
        return cls(requests, failures, seconds, times, rows, reasons, traces)

    def percentile(self, share: float) -> int:
        """Return the milliseconds within which this share of the requests got a response."""
        left = share * self.times.total()
        for milliseconds in sorted(self.times):
            left -= self.times[milliseconds]
            if left <= 0:
                return milliseconds
        return max(self.times)


def send_people(gateway: str, users: int, duration: str, processes: int) -> Measured:
    """Run so many users for `duration` (for example `60s`). Raises StackError if Locust fails."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        report, failures = Path(folder, "report"), Path(folder, "failures.json")
        arguments = [
            "--headless", "--users", str(users), "--spawn-rate", str(max(1, users // 4)), "--run-time", duration,
            "--stop-timeout", str(STOP_SECONDS), "--exit-code-on-error", "0", "--only-summary",
            "--json-file", str(report), "--failures-file", str(failures), "--traces-folder", folder,
        ]  # fmt: skip
        if processes > 1:
            arguments += ["--processes", str(processes)]
        ended = subprocess.run(_locust(gateway, *arguments), capture_output=True, text=True, check=False)
        written = report.with_suffix(".json")
        if ended.returncode or not written.exists():
            raise StackError("Locust failed.", "Its last lines are above.", ended.stderr.splitlines()[-12:])
        reasons = [Failure(*one) for one in json.loads(failures.read_text())]
        traces = frozenset(line for path in Path(folder).glob("*.traces") for line in path.read_text().split())
        return Measured.of(json.loads(written.read_text()), reasons, traces)


def open_page(gateway: str, users: int, processes: int) -> int:
    """Run Locust with its page on 127.0.0.1:8089 until it is interrupted; return its exit status."""
    arguments = ["--web-host", "127.0.0.1", "--users", str(users), "--spawn-rate", str(max(1, users // 4))]
    if processes > 1:
        arguments += ["--processes", str(processes)]
    return subprocess.run(_locust(gateway, *arguments), check=False).returncode


def environment() -> Path:
    """Return Locust's own Python environment, created once. Raises StackError.

    It is separate because Locust's dependencies change how other libraries send.
    """
    return build.python_environment(USERS.with_name("requirements.lock"))


def _locust(gateway: str, *arguments: str) -> list[str]:
    return [
        str(environment() / "bin" / "python"),
        "-m",
        "locust",
        "--locustfile",
        str(USERS),
        "--host",
        gateway,
        *arguments,
    ]
