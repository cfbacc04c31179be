"""Downloads wheels on this machine, for installation in an image build without network."""

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["PIP_CONFIGURATION", "WheelsUnavailable", "wheelhouse"]

# In an image, pip's only source is the folder with the wheels.
PIP_CONFIGURATION = (
    "[global]\nno-index = true\nfind-links = /wheels\ndisable-pip-version-check = true\nroot-user-action = ignore\n"
)
_SECONDS = 300


class WheelsUnavailable(Exception):
    """The lock file that could not be downloaded, and pip's error message."""


def wheelhouse(lock: Path, python: str, cache: Path) -> Path:
    """Return a folder with the wheels of `lock` for Python `python` ("3.11") and this processor; kept in `cache`."""
    key = hashlib.sha256(lock.read_bytes() + python.encode()).hexdigest()[:16]
    folder = cache / f"wheels-{lock.stem}-{key}"
    if folder.exists():
        return folder
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--dest", str(partial), "--python-version", python, "--implementation", "cp"]
    command += [option for tag in _platform_tags() for option in ("--platform", tag)]
    done = subprocess.run(
        [*command, "-r", str(lock)], capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise WheelsUnavailable(f"pip could not fetch {lock.name} for Python {python}: {done.stderr.strip()[-600:]}")
    partial.rename(folder)
    return folder


def _platform_tags() -> list[str]:
    machine = platform.machine()
    newest_to_oldest = ["manylinux_2_28", "manylinux_2_26", "manylinux_2_24", "manylinux_2_17", "manylinux2014"]
    return [f"{tag}_{machine}" for tag in newest_to_oldest] + [
        f"{tag}_{machine}" for tag in ("manylinux_2_5", "manylinux1")
    ]
