"""Finds and ends processes of a killed run, identified by the variable that every process of a checkout has."""

import os
from collections.abc import Callable
from pathlib import Path

import psutil

from sandbox.engines.native.project import MARKER

__all__ = ["end", "find", "runs"]


def find(root: Path) -> list[psutil.Process]:
    """Return every running process that was started for the checkout at `root`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARKER) == str(root):
                found.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def end(processes: list[psutil.Process], grace: float = 10) -> None:
    """Terminate the processes, and kill those that still run after `grace` seconds."""
    # The supervisor first: otherwise it would restart the others.
    for process in sorted(processes, key=lambda process: process.name() != "process-compose"):
        _signal(process, psutil.Process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=grace)
    for process in stubborn:
        _signal(process, psutil.Process.kill)
    psutil.wait_procs(stubborn, timeout=grace)


def runs(process_id: int) -> bool:
    """Whether the process is running. An exited one stays in the process table until its parent waits for it."""
    try:
        return psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, action: Callable[[psutil.Process], None]) -> None:
    try:
        action(process)
    except psutil.NoSuchProcess:
        return
