"""Downloads the npm packages of a lock file on this machine, for installation in an image build without network."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sandbox.engines.native import build

__all__ = ["NpmCacheUnavailable", "npm_cache", "npm_configuration"]

# Path of the cache in the image.
HOME = "/npm-cache"
_SECONDS = 300


class NpmCacheUnavailable(Exception):
    """The packages that could not be downloaded, and npm's error message."""


def npm_configuration(folder: Path) -> str:
    """Return npm's configuration in an image.

    The cache's keys contain the registry's address, so it must be this machine's.
    """
    registry = _npm(folder, ["config", "get", "registry"], folder)
    return f"cache={HOME}\noffline=true\nregistry={registry.strip()}\nupdate-notifier=false\n"


def npm_cache(folder: Path, cache: Path) -> Path:
    """Return npm's cache with every package of folder/package-lock.json for this processor; kept in `cache`."""
    key = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()[:16]
    kept = cache / f"npm-{key}"
    if kept.exists():
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="npm-") as temporary:
        work, partial = Path(temporary) / "work", Path(temporary) / "cache"
        for file in [*folder.glob("package*.json"), *folder.glob("*/package.json"), folder / ".npmrc"]:
            copy = work / file.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, copy)
        _npm(folder, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", f"--cache={partial}"], work)
        shutil.rmtree(partial / "_logs", ignore_errors=True)
        partial.rename(kept)
    return kept


def _npm(folder: Path, arguments: list[str], where: Path) -> str:
    """Run npm with the Node.js of the folder's Python lock file, as in the image's build."""
    programs = build.python_environment(folder / "requirements.lock") / "bin"
    done = subprocess.run(
        [str(programs / "npm"), *arguments],
        cwd=where,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise NpmCacheUnavailable(f"npm {arguments[0]} failed: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout
