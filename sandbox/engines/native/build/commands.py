"""Runs a command of a build. Its output goes to a log file; it is terminated if this process dies."""

import os
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.model.errors import StackError

__all__ = ["Made", "Runner", "Say", "Usage"]

NEXT = "Run the same command again: what is finished stays finished."
# Pattern in a tool's output -> remedy for the user. The first match applies.
REMEDIES = (
    (("no space left on device", "No space left"), f"The disk is full: free some space. {NEXT}"),
    (
        ("checksum mismatch", "SECURITY ERROR", "DO NOT MATCH THE HASHES"),
        "What was downloaded is not what the committed checksums say: do not use this network's package mirror.",
    ),
    (
        ("dial tcp", "no such host", "i/o timeout", "TLS handshake", "onnection refused", "proxyconnect",
         "unexpected EOF", "NewConnectionError", "Temporary failure in name resolution", "ReadTimeout",
         "connection reset", "Bad Gateway", "Max retries exceeded", "Could not find a version",
         "network is unreachable"),
        f"A download failed: check the network (and HTTPS_PROXY, GOPROXY, PIP_INDEX_URL if you use a mirror). {NEXT}",
    ),
)  # fmt: skip
UNKNOWN = "Its versions are pinned, so this should not happen: please report it with that log."
# A terminal's interrupt reaches the child directly; this covers a `kill -9` of this process.
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM")


# Prints what a part of the build does now.
Say = Callable[[str], None]


@dataclass(frozen=True)
class Usage:
    """CPU seconds of a command and its descendants."""

    cpu: float


@dataclass(frozen=True)
class Made:
    """One built part: wall-clock and CPU seconds."""

    name: str
    seconds: float
    cpu: float


class Runner:
    """Runs commands from several threads; `stop` terminates all of them."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._running: set[subprocess.Popen[str]] = set()
        self._guard = threading.Lock()
        self._stopped = False
        logs.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, command: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> Usage:
        """Run a command to its end.

        Raises StackError with a remedy, the last lines and the log's path if it fails.
        """
        log, tail = self._logs / f"{name}.log", deque[str](maxlen=12)
        with log.open("w", encoding="utf-8") as sink:
            process = self._start(command, env, cwd)
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    sink.write(line)
                    tail.append(line.rstrip())
                # wait4 instead of wait: only wait4 returns the CPU time, compilers and linkers included.
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                self._forget(process)
        if process.returncode:
            raise self._explain(name, process.returncode, list(tail), log)
        return Usage(cpu=usage.ru_utime + usage.ru_stime)

    def stop(self) -> None:
        """Terminate every running command and start no more."""
        with self._guard:
            self._stopped = True
            for process in self._running:
                process.terminate()

    def _start(self, command: Sequence[str], env: Mapping[str, str], cwd: Path) -> "subprocess.Popen[str]":
        leash = DIE_WITH_PARENT if shutil.which(DIE_WITH_PARENT[0]) else ()
        with self._guard:
            if self._stopped:
                raise StackError("the build was stopped", NEXT)
            process = subprocess.Popen(
                [*leash, *command], env=dict(env), cwd=cwd, text=True, errors="replace",
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            self._running.add(process)
        return process

    def _forget(self, process: "subprocess.Popen[str]") -> None:
        with self._guard:
            self._running.discard(process)
        if process.stdout:
            process.stdout.close()
        if process.returncode is None:
            process.kill()
            process.wait()

    def _explain(self, name: str, code: int, tail: list[str], log: Path) -> StackError:
        if self._stopped:
            return StackError(f"{name} was stopped", NEXT)
        text = "\n".join(tail)
        remedy = next((advice for signs, advice in REMEDIES if any(sign in text for sign in signs)), UNKNOWN)
        return StackError(f"{name} failed (exit {code}); full log: {log}", remedy, tail[-6:])
