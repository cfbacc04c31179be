"""Python environments made from lock files with hashes, cached by the digest of the lock."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from sandbox.engines.native.build import cache
from sandbox.engines.native.build.commands import Runner, Usage
from sandbox.model.errors import StackError

__all__ = ["built", "create", "location", "lookup"]

# Written last, so that an incomplete environment is never used.
MARK = ".complete"


def location(lock: Path) -> Path:
    """Return the path of the environment for this lock and this Python, whether it exists or not."""
    try:
        content = lock.read_bytes()
    except FileNotFoundError as error:
        raise StackError(f"there is no lock file {lock}", "Make it with `uv pip compile --generate-hashes`.") from error
    key = cache.digest(content, sys.version, sys.base_prefix)
    name = lock.stem if lock.stem != "requirements" else lock.parent.name
    return cache.directory() / "venvs" / f"{name}-{key}"


def built(lock: Path) -> bool:
    return (location(lock) / MARK).exists()


def create(lock: Path, runner: Runner) -> Usage:
    """Create the environment: hashes verified, bytecode compiled, no installer inside.

    An environment cannot be moved, so it is built in place and marked when complete.
    """
    path = location(lock)
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    name, python = path.name.rpartition("-")[0], path / "bin" / "python"
    run: dict[str, Any] = {"env": dict(os.environ), "cwd": path.parent}
    runner.run(f"python-{name}-venv", [sys.executable, "-m", "venv", "--without-pip", str(path)], **run)
    install = ["--python", str(python), "install", "--disable-pip-version-check", "--no-input", "--compile"]
    usage = runner.run(
        f"python-{name}",
        [sys.executable, "-m", "pip", *install, "--require-hashes", "--only-binary=:all:", "-r", str(lock.resolve())],
        **run,
    )
    (path / MARK).touch()
    return usage


def lookup(environment: Path, member: str) -> Path:
    """Return a file of the environment: `bin/gunicorn`, or a path below its site-packages.

    Raises StackError if it does not exist.
    """
    if member.startswith("bin/"):
        file = environment / member
    else:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        file = environment / "lib" / version / "site-packages" / member
    if not file.exists():
        raise StackError(
            f"{environment} has no {member}", "Its lock file and sandbox/engines/native/images.toml disagree: mend one."
        )
    return file
