"""Builds a folder of browser code with the Node.js of its Python lock file, as its Dockerfile does."""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.engines.native.build import cache, venvs
from sandbox.engines.native.build.commands import Made, Runner, Say

__all__ = ["RESULTS", "WebBuild"]

# Build results that are kept, as in the image.
RESULTS = ("dist", "bin")
LEFT_OUT = {"node_modules", "__pycache__", *RESULTS}


@dataclass(frozen=True)
class WebBuild:
    """One folder with a package-lock.json. The cache key is a digest of all its files."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def lock(self) -> Path:
        """The Python lock file that pins Node.js."""
        return self.folder / "requirements.lock"

    @property
    def location(self) -> Path:
        content = [part for file in self._sources() for part in (str(file.relative_to(self.folder)), file.read_bytes())]
        return cache.directory() / "web" / f"{self.name}-{cache.digest(*content)}"

    @property
    def built(self) -> bool:
        return self.location.exists()

    def make(self, runner: Runner, say: Say) -> Made:
        """Install exactly package-lock.json and build in a copy; publish the results atomically."""
        begun = time.monotonic()
        self.location.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{self.name}-", dir=self.location.parent) as temporary:
            work, finished = Path(temporary) / "work", Path(temporary) / "finished"
            for file in self._sources():
                copy = work / file.relative_to(self.folder)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)
            node = venvs.location(self.lock) / "bin"
            options: dict[str, Any] = {"env": os.environ | {"PATH": f"{node}:{os.environ['PATH']}"}, "cwd": work}
            say("installing")
            install = [str(node / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            cpu = runner.run(f"{self.name}-npm", install, **options).cpu
            say("building")
            cpu += runner.run(self.name, [str(node / "npm"), "run", "build"], **options).cpu
            finished.mkdir()
            for name in RESULTS:
                shutil.move(work / name, finished / name)
            finished.rename(self.location)
        return Made(self.name, time.monotonic() - begun, cpu)

    def _sources(self) -> list[Path]:
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path for path in found if not LEFT_OUT & set(path.relative_to(self.folder).parts))
