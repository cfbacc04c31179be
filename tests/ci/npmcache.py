"""The npm packages of a lock file, fetched on this machine and installed inside an image, where there is no network."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sandbox.engines.native import build

__all__ = ["NpmCacheUnavailable", "npm_cache", "npm_configuration"]

# Where the image has the cache.
HOME = "/npm-cache"
_SECONDS = 300


class NpmCacheUnavailable(Exception):
    """Which packages could not be fetched, and npm's own words."""


def npm_configuration(folder: Path) -> str:
    """What npm must be told in an image. Packages are found by the registry's address, so it is this machine's."""
    registry = _npm(folder, ["config", "get", "registry"], folder)
    return f"cache={HOME}\noffline=true\nregistry={registry.strip()}\nupdate-notifier=false\n"


def npm_cache(folder: Path, cache: Path) -> Path:
    """npm's cache with every package that folder/package-lock.json asks for on this processor; kept under `cache`."""
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
    """With the Node.js of the folder's own Python lock file, as the image's build has it."""
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
