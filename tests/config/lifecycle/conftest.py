"""A checkout of its own with a small stack, and the command line run in it as `make` runs it."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from sandbox.engines.native import leftovers
from sandbox.model.layout import Layout

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Checkout:
    """The small stack's folder and its command line."""

    root: Path
    ports: dict[str, int]

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def stack(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m sandbox ...` to its end."""
        with self.start(*arguments, **environment) as process:
            output, errors = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Begin `python -m sandbox ...`."""
        return subprocess.Popen(
            [sys.executable, "-m", "sandbox", *arguments],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(ROOT), "ENGINE": "native", "WITHOUT": ""} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def settings(self, text: str) -> None:
        """Write the store's configuration file."""
        (self.root / "conf" / "store.conf").write_text(text)

    def hold(self) -> None:
        """Make the store wait at its start until `release`."""
        self.settings("wait\n")

    def release(self) -> None:
        """Let a store that waits go on."""
        (self.layout.volume("store-data") / "go").touch()

    def processes(self) -> dict[str, psutil.Process]:
        """What runs for this checkout: the supervisor, and each component by the port that it serves."""
        names = {str(port): name for name, port in self.ports.items()}
        found = {}
        for process in leftovers.find(self.root):
            # It may end meanwhile.
            with contextlib.suppress(psutil.NoSuchProcess):
                bind = next((word for word in process.cmdline() if word.startswith("--bind=")), "")
                found[names.get(bind.rpartition(":")[2], process.name())] = process
        return found

    def wait_until(self, what: str, condition: Callable[[], object], seconds: float = 60) -> None:
        """Poll; the failure says what was waited for and what runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s until {what}; running: {list(self.processes())}"
            time.sleep(0.05)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    root = tmp_path / "checkout"
    shutil.copytree(Path(__file__).with_name("checkout"), root)
    ports = dict(zip(("store", "web", "third"), free_ports(3), strict=True))
    (root / ".env.local").write_text(f"STORE_PORT={ports['store']}\nWEB_PORT={ports['web']}\n")
    made = Checkout(root, ports)
    yield made
    leftovers.end(leftovers.find(root), grace=3)
    made.layout.socket.unlink(missing_ok=True)


def free_ports(count: int) -> list[int]:
    """Random ports that nobody listens on, below those that the system hands out by itself.

    Random, because tests in another process look for ports at the same time.
    """
    found: list[int] = []
    for port in random.sample(range(20_000, 32_000), 1_000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                found.append(port)
        if len(found) == count:
            break
    return found
