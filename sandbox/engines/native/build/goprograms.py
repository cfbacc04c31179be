"""Builds the Go programs of the folder go/ from the module proxy: verified by go.sum, stripped, static."""

import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.engines.native.build import cache
from sandbox.engines.native.build.commands import Made, Runner, Say, Usage
from sandbox.engines.native.build.toolchain import FOLDER, Go
from sandbox.engines.native.images import Program

__all__ = ["GoBuild"]

# -pgo=off: a profile is of no use in a sandbox, and would compile every dependency once more per program. -dwarf=false:
# the linker strips debug information anyway (-s -w); stack traces do not need it.
FLAGS = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-pgo=off", "-ldflags=-s -w", "-gcflags=all=-dwarf=false")
SOURCES = ("go.mod", "go.sum", "**/*.go")


@dataclass(frozen=True)
class GoBuild:
    """One program and its toolchain. The cache key is a digest of all inputs of the build."""

    program: Program
    go: Go

    @property
    def folder(self) -> Path:
        return FOLDER / self.program.directory

    @property
    def flags(self) -> list[str]:
        texts = "".join(f" -X {name}={text}" for name, text in sorted(self.program.stamp.items()))
        tags = [f"-tags={','.join(self.program.tags)}"] if self.program.tags else []
        return [*(flag + texts if flag.startswith("-ldflags=") else flag for flag in FLAGS), *tags]

    @property
    def location(self) -> Path:
        sources = sorted(file for pattern in SOURCES for file in self.folder.glob(pattern))
        content = [part for file in sources for part in (file.name, file.read_bytes())]
        packages = [f"{name}={package}" for name, package in sorted(self.program.binaries.items())]
        key = cache.digest(self.go.version, *self.flags, *packages, *content)
        return cache.directory() / "programs" / f"{self.program.name}-{key}"

    def binary(self, name: str) -> Path:
        return self.location / name

    @property
    def built(self) -> bool:
        return self.location.exists()

    def fetch(self, runner: Runner, say: Say) -> None:
        """Download exactly the modules whose packages this program compiles."""
        say("downloading")
        # Go downloads as many modules at once as it has processors; downloads need none.
        env = self.go.environment() | {"GOMAXPROCS": "16"}
        command = [str(self.go.executable), "list", "-deps", "-f", "{{.ImportPath}}", *self._list_flags()]
        runner.run(f"{self.program.name}-download", command, env=env, cwd=self.folder)

    def make(self, runner: Runner, say: Say) -> Made:
        """Compile and link all binaries in one run, then publish them together atomically."""
        begun = time.monotonic()
        say("compiling")
        self.location.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{self.program.name}-", dir=self.location.parent) as temporary:
            usage = self._compile(runner, Path(temporary) / "out")
            finished = self._renamed(Path(temporary))
            row = Made(self.program.name, time.monotonic() - begun, usage.cpu)
            (finished / "build.json").write_text(json.dumps(asdict(row) | {"go": self.go.version}), encoding="utf-8")
            finished.rename(self.location)
        return row

    def _list_flags(self) -> list[str]:
        return [f for f in self.flags if f.startswith(("-mod=", "-tags="))] + list(self.program.binaries.values())

    def _compile(self, runner: Runner, out: Path) -> Usage:
        out.mkdir()
        packages = list(self.program.binaries.values())
        command = [str(self.go.executable), "build", *self.flags, "-o", f"{out}/", *packages]
        return runner.run(self.program.name, command, env=self.go.environment(), cwd=self.folder)

    def _renamed(self, temporary: Path) -> Path:
        """Rename each binary to its name in images.toml; `go build` names it after its package's folder."""
        finished = temporary / "finished"
        finished.mkdir()
        for name, package in self.program.binaries.items():
            made = self.program.name if package == "." else package.rpartition("/")[2]
            shutil.move(temporary / "out" / made, finished / name)
        return finished
