"""The lock files of the checkout and the packages that they pin."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

__all__ = ["Package", "find", "go_modules", "npm_packages", "python_packages"]

# Third-party files, build results and test data.
NOT_OURS = ("node_modules", "build", "tests")
PYTHON_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Package:
    """One pinned package; `licence` is from the lock (only npm's has it)."""

    name: str
    version: str
    licence: str = ""


def find(root: Path, name: str) -> list[Path]:
    """Return every file of the checkout with this suffix (`.lock`, `package-lock.json`, `go.sum`)."""
    return sorted(_files(root, name))


def _files(root: Path, name: str) -> Iterator[Path]:
    for folder, below, files in os.walk(root):
        below[:] = [one for one in below if not one.startswith(".") and one not in NOT_OURS]
        yield from (Path(folder) / file for file in files if file.endswith(name))


def python_packages(lock: Path) -> set[Package]:
    """Return name (in the index's spelling) and version of each line of a lock with hashes."""
    pins = PYTHON_PIN.findall(lock.read_text(encoding="utf-8"))
    return {Package(canonicalize_name(name), version) for name, version in pins}


def npm_packages(lock: Path) -> set[Package]:
    """Return the packages that package-lock.json installs, without our own workspaces, which are links."""
    entries: dict[str, dict[str, object]] = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {
        Package(str(entry.get("name") or path.rpartition("node_modules/")[2]), str(entry["version"]), _licence(entry))
        for path, entry in entries.items()
        if "node_modules/" in path and not entry.get("link")
    }


def _licence(entry: dict[str, object]) -> str:
    licence = entry.get("license", "")
    return licence if isinstance(licence, str) else ""


def go_modules(sums: Path) -> set[Package]:
    """Return the modules whose content has a hash in go.sum.

    Modules with only the hash of a go.mod are never compiled.
    """
    lines = (line.split() for line in sums.read_text(encoding="utf-8").splitlines())
    return {Package(module, version) for module, version, _hash in lines if not version.endswith("/go.mod")}
