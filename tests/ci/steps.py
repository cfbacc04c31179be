"""Runs the steps of the run, each with a time limit, a log and a result."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tests.ci.results import Outcome, read_reports

__all__ = ["Steps"]

_TAIL_LINES = 40
_GRACE_SECONDS = 30
_SHOW_SECONDS = 0.3
# Linux divides processor time among sessions first (autogroup) and applies `nice` only within one.
# With 10, a tenth of a processor is left for it whatever others do, so that its deadlines hold.
_LOW_PRIORITY = ["sh", "-c", '{ echo 10 > /proc/self/autogroup; } 2> /dev/null; exec nice -n 10 "$@"', "sh"]


@dataclass
class Steps:
    """The steps so far. No step runs beyond `deadline` (seconds of the monotonic clock)."""

    root: Path
    logs: Path
    deadline: float
    outcomes: list[Outcome] = field(default_factory=list)
    _abandoned: threading.Event = field(default_factory=threading.Event)

    def abandon(self) -> None:
        """Terminate the running commands, including those of other threads."""
        self._abandoned.set()

    def command(
        self,
        name: str,
        command: list[str],
        minutes: float,
        environment: Mapping[str, str] | None = None,
        reports: Path | None = None,
        background: bool = False,
    ) -> bool:
        """Run a command for at most `minutes`; return True if it succeeded.

        If its JUnit reports in `reports` contain the failures, the step itself is not counted again. A command in the
        `background` gets the processor time that others leave, and its output goes only to the log.
        """
        began = time.monotonic()
        self._announce(name)
        log = self.logs / (name.replace(" ", "-").replace("/", "-").replace("=", "-") + ".log")
        seconds = min(minutes * 60, max(self.deadline - began, 1))
        words = [*_LOW_PRIORITY, *command] if background else command
        started = _started(words, self.root, {**os.environ, **(environment or {})}, log)
        code, timed_out = _await(started, log, seconds, self._abandoned, not background)
        failure = ""
        if timed_out:
            failure = f"{name} was stopped after {seconds:.0f} seconds"
        elif code:
            failure = f"{name} ended with status {code}"
        reported = bool(failure and not timed_out and reports is not None and read_reports(reports).failed)
        told = failure and f"{failure}\n{_tail(log)}"
        self.record(Outcome(name, time.monotonic() - began, told, reported=reported))
        return not failure

    def call(self, name: str, action: Callable[[], str], excused: tuple[type[Exception], ...] = ()) -> bool:
        """Run a function that returns a line to print. An exception in `excused` is a skip, any other a failure."""
        began = time.monotonic()
        self._announce(name)
        try:
            print(action(), flush=True)
        except excused as error:
            self.record(Outcome(name, time.monotonic() - began, skipped=str(error)))
            print(f"Skipped: {error}", flush=True)
            return False
        except Exception as error:
            self.record(Outcome(name, time.monotonic() - began, failure=f"{type(error).__name__}: {error}"))
            return False
        self.record(Outcome(name, time.monotonic() - began))
        return True

    def record(self, outcome: Outcome) -> None:
        """Count an outcome, and print it if it is a failure."""
        self.outcomes.append(outcome)
        if outcome.failure:
            print(f"FAILED: {outcome.failure.splitlines()[0]}", flush=True)

    def _announce(self, name: str) -> None:
        print(f"\n=== {name}", flush=True)


def _started(command: list[str], folder: Path, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start the process in its own session.

    Output goes to a file, not a pipe: a process that outlives the command could keep a pipe open.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await(
    process: subprocess.Popen[bytes], log: Path, seconds: float, abandoned: threading.Event, shown: bool
) -> tuple[int, bool]:
    """Return the exit status, and whether the time limit was reached. The whole process group ends with the command."""
    end, timed_out = time.monotonic() + seconds, False
    with log.open("rb") as output:
        try:
            while process.poll() is None and not timed_out and not abandoned.is_set():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_SHOW_SECONDS)
                if shown:
                    _show(output)
                timed_out = time.monotonic() > end and process.poll() is None
        finally:
            _end_group(process)
            if shown:
                _show(output)
    return process.returncode, timed_out


def _show(output: BinaryIO) -> None:
    sys.stdout.write(output.read().decode(errors="replace"))
    sys.stdout.flush()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Terminate the group, so that the command can clean up; then kill it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_GRACE_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
