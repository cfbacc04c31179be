"""kubectl and helm on one cluster."""

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.model.errors import StackError

__all__ = ["Cluster"]

SECONDS = 120
TAIL_LINES = 15
# What helm says about the links in the chart's files/, and at the end of every error.
NOISE = "symbolic link|Use --debug flag"


@dataclass(frozen=True)
class Cluster:
    """The programs, each with the arguments that select the cluster. `inside` makes a command run where it answers."""

    kubectl_program: tuple[str, ...]
    helm_program: tuple[str, ...]
    inside: Callable[..., list[str]] = lambda *command: list(command)

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = SECONDS) -> str:
        """Return the output of kubectl. Raises StackError with its last lines if it fails."""
        return self._run([*self.kubectl_program, *arguments], stdin, seconds)

    def helm(self, *arguments: str, stdin: str | None = None, seconds: float = SECONDS) -> str:
        """Return the output of helm. Raises StackError with its last lines if it fails."""
        return self._run([*self.helm_program, *arguments], stdin, seconds)

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects of a kind (`pods`, `deployments,statefulsets`) that `arguments` select."""
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, "--output=json", *arguments))["items"]
        return found

    def answers(self) -> bool:
        """Return whether the API server responds and is ready."""
        try:
            return self.kubectl("get", "--raw=/readyz", "--request-timeout=3s", seconds=10).strip() == "ok"
        except StackError:
            return False

    def _run(self, command: Sequence[str], stdin: str | None, seconds: float) -> str:
        try:
            done = subprocess.run(
                self.inside(*command), input=stdin or "", capture_output=True, text=True, timeout=seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise StackError(
                f"{' '.join(command[-3:])} did not end within {seconds:g} s.", "See what `make status` says."
            ) from error
        if done.returncode:
            name = command[0].rpartition("/")[2]
            said = [line for line in done.stderr.splitlines() if line and not re.search(NOISE, line)]
            raise StackError(
                f"{name} failed: {said[-1] if said else f'exit status {done.returncode}'}",
                "Its last lines are above. Correct the cause and run the same command again.",
                said[-TAIL_LINES:-1],
            )
        return done.stdout
