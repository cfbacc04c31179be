"""A server pinned to one processor, and its CPU time."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.model import ROOT

__all__ = ["Server"]


class Server:
    """`arguments` follow `python -m`; the output is written into `folder`."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        common = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}:{ROOT / 'services'}",
            "DEPLOYMENT_ENVIRONMENT": "dev",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        command = [sys.executable, "-m", *arguments, f"--bind=127.0.0.1:{self.port}"]
        self._printed = folder / "stdout"
        with self._printed.open("wb") as output:
            self.process = subprocess.Popen(
                command, env={**common, **environment}, stdout=output, stderr=subprocess.STDOUT
            )
        os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})
        self._wait()

    def cpu_seconds(self) -> float:
        """Return the CPU seconds of all threads, the exporter's included. Exact to the nanosecond; `stat` has ticks."""
        return sum(map(_nanoseconds, Path(f"/proc/{self.process.pid}/task").iterdir())) / 1e9

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        last = self._printed.read_text(errors="replace").splitlines()[-5:]
        raise SystemExit("\n".join([*last, "bench: the server did not start; its last lines are above"]))


def _nanoseconds(thread: Path) -> int:
    try:
        return int((thread / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        # The thread has just ended.
        return 0
