"""The stack that a fault is put into: where its parts answer, and how one is stopped, on either engine."""

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

from sandbox.engines import commands
from sandbox.model import ROOT
from sandbox.model.variables import read_variables

__all__ = ["Target"]

SECONDS = 10.0


@dataclass(frozen=True)
class Target:
    """The stack of a checkout."""

    root: Path = ROOT

    @cached_property
    def settings(self) -> Mapping[str, str]:
        return read_variables(self.root)

    def url(self, component: str) -> str:
        """The address at which a component is published, by the name of its port's variable."""
        return f"http://127.0.0.1:{self.settings[f'{component.upper()}_PORT']}"

    def put(self, component: str, path: str, body: object) -> None:
        """Raises httpx.HTTPError when it does not answer, or not with success."""
        httpx.put(self.url(component) + path, json=body, timeout=SECONDS, trust_env=False).raise_for_status()

    def stop(self, component: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            commands.stop(self.root, component)

    def kill(self, component: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            commands.kill(self.root, component)

    def start(self, component: str) -> None:
        """Start a component that was stopped or killed, and wait until it is healthy; nothing when it runs."""
        with contextlib.redirect_stdout(io.StringIO()):
            commands.start(self.root, component)
