"""Finds a Go toolchain: that of this machine, or the one in the package index."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.model.errors import StackError

__all__ = ["Go", "find", "required"]

FOLDER = Path(__file__).resolve().parents[1] / "go"


@dataclass(frozen=True)
class Go:
    executable: Path
    version: str
    module_cache: Path
    build_cache: Path

    def environment(self) -> dict[str, str]:
        """Return the caller's environment with fixed values for everything that could make two builds differ."""
        return os.environ | {
            "CGO_ENABLED": "0",
            "GOFLAGS": "",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            # go.sum is complete and -mod=readonly keeps it so; the checksum database is not needed.
            "GOSUMDB": "off",
            # The compiler is short-lived: less frequent garbage collection trades available memory for time.
            "GOGC": "400",
        }


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def required(folders: Iterable[str]) -> str:
    """Return the newest `go` line, e.g. 1.26.5, of the go.mod files in these folders of sandbox/engines/native/go."""
    lines = (re.search(r"^go (\S+)$", (FOLDER / name / "go.mod").read_text(), re.MULTILINE) for name in folders)
    return max((line[1] for line in lines if line), key=_numbers)


def _inspect(executable: Path) -> Go | None:
    names = ("GOVERSION", "GOMODCACHE", "GOCACHE")
    env = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        answer = subprocess.run([executable, "env", *names], env=env, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    version, modules, builds = answer.stdout.splitlines()
    return Go(executable, version.removeprefix("go"), Path(modules), Path(builds))


def find(minimum: str, install: Callable[[], Path]) -> Go:
    """Return a Go of at least `minimum`: this machine's, or the one in the Python environment that `install` makes."""
    found = shutil.which("go")
    own = _inspect(Path(found)) if found else None
    if own and _numbers(own.version) >= _numbers(minimum):
        return own
    has = f"this machine's is {own.version}" if own else "this machine has none"
    problem, advice = (
        f"Go {minimum} or newer is needed; {has}",
        "Install it, so that `go version` says so, and try again.",
    )
    try:
        packaged = _inspect(install() / "bin" / "go")
    except StackError as error:
        raise StackError(f"{problem}, and none could be installed: {error.problem}", advice, error.details) from error
    if not packaged or _numbers(packaged.version) < _numbers(minimum):
        raise StackError(problem, advice)
    return packaged
