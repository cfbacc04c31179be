"""Runs the programs that read rules and routes, and hands back what they say."""

import subprocess
from pathlib import Path

from sandbox.engines.native.programs import program

__all__ = ["run"]

SECONDS = 120


def run(pin: str, path: str, *arguments: str | Path) -> str:
    """The output of a native program of an image; AssertionError, with all of it, when it does not end well."""
    command = [program(pin, path), *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    answer = finished.stdout + finished.stderr
    assert finished.returncode == 0, answer
    return answer
