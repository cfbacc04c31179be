"""Finds or builds all programs of the native engine, as images.toml describes them. Results are in the cache."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from sandbox.engines.native import images
from sandbox.engines.native.build import cache, pipeline, toolchain, venvs
from sandbox.engines.native.build.goprograms import GoBuild
from sandbox.engines.native.build.web import WebBuild
from sandbox.engines.native.images import Source
from sandbox.model import ROOT

__all__ = ["Prepared", "ensure", "ensure_tools", "prepare", "python_environment"]

SHIMS = Path(images.__file__).resolve().with_name("shims")


@dataclass(frozen=True)
class Prepared:
    """Paths of what was prepared.

    Programs by image reference, tools by name, Python environments by lock file, pages by folder.
    """

    images: dict[str, dict[str, Path]] = field(default_factory=dict)
    tools: dict[str, Path] = field(default_factory=dict)
    environments: dict[Path, Path] = field(default_factory=dict)
    pages: dict[Path, Path] = field(default_factory=dict)


def ensure(image_refs: Iterable[str]) -> dict[str, dict[str, Path]]:
    """Return the native programs of each image.

    Example: {"prom/prometheus:v3.15.0": {"/bin/promtool": Path, "promtool": Path, ...}}. An executable is listed by its
    path in the image and, if that folder is on the image's PATH, by its bare name too. An image without a native
    program (`without` in its table) gets an empty mapping. Raises StackError for an unknown image or pin.
    """
    return prepare(image_refs=image_refs, complete=True).images


def ensure_tools(names: Iterable[str] = ("process-compose",)) -> dict[str, Path]:
    """Return programs that are in no image, by the name of their binary. The arguments are tables [program.*]."""
    return prepare(tools=names).tools


def python_environment(lock: Path) -> Path:
    """Return the Python environment of this lock file; its interpreter is bin/python."""
    return prepare(locks=[lock]).environments[lock]


def prepare(
    image_refs: Iterable[str] = (),
    tools: Iterable[str] = (),
    locks: Iterable[Path] = (),
    webs: Iterable[Path] = (),
    complete: bool = False,
) -> Prepared:
    """Prepare all of the above with one progress display. Returns at once if everything is cached.

    `webs` are folders with browser code, built by the Node.js of their requirements.lock.

    Unless `complete`, programs marked as `later` in images.toml are left out: the stack does not need them to run.
    """
    plan = _Plan(tuple(image_refs), tuple(tools), tuple(locks), tuple(webs), complete)
    if plan.incomplete:
        console = Console(stderr=True)
        with cache.exclusive(lambda text: console.print(text, style="yellow")):
            # Computed again under the lock: the build that we waited for may have made them.
            pipeline.run(plan.unbuilt(), plan.unmade(), console, plan.undrawn())
    return plan.result()


class _Plan:
    """The requested items, and the programs and environments that they need."""

    def __init__(
        self,
        image_refs: Sequence[str],
        tools: Sequence[str],
        locks: Sequence[Path],
        webs: Sequence[Path],
        complete: bool,
    ) -> None:
        self._catalog = images.load()
        self._refs, self._tools, self._locks, self._complete = image_refs, tools, locks, complete
        for reference in image_refs:
            self._catalog.check_pin(reference)
        sources = [source for reference in image_refs for source in self._wanted(reference).values()]
        programs = dict.fromkeys([*tools, *(s.owner for s in sources if s.scheme == "go")])
        self._webs = [WebBuild(folder) for folder in webs]
        # Node.js is needed to build a page, not to serve it.
        nodes = [web.lock for web in self._webs if not web.built]
        self._all_locks = dict.fromkeys([*(self._lock(s) for s in sources if s.scheme == "venv"), *locks, *nodes])
        self._builds: dict[str, GoBuild] = {}
        if programs:
            minimum = toolchain.required(self._catalog.program(name).directory for name in programs)
            go = toolchain.find(minimum, self._packaged_go)
            self._builds = {name: GoBuild(self._catalog.program(name), go) for name in programs}

    @property
    def incomplete(self) -> bool:
        return bool(self.unbuilt() or self.unmade() or self.undrawn())

    def unbuilt(self) -> list[GoBuild]:
        return [build for build in self._builds.values() if not build.built]

    def unmade(self) -> list[Path]:
        return [lock for lock in self._all_locks if not venvs.built(lock)]

    def undrawn(self) -> list[WebBuild]:
        return [web for web in self._webs if not web.built]

    def result(self) -> Prepared:
        tools = {b: self._builds[t].binary(b) for t in self._tools for b in self._catalog.program(t).binaries}
        environments = {lock: venvs.location(lock) for lock in self._locks}
        programs = {reference: self._programs(reference) for reference in self._refs}
        return Prepared(programs, tools, environments, {web.folder: web.location for web in self._webs})

    def _wanted(self, reference: str) -> dict[str, Source]:
        image = self._catalog.image(reference)
        if image.without:
            return {}
        return {path: s for path, s in image.programs.items() if self._complete or path not in image.later}

    def _programs(self, reference: str) -> dict[str, Path]:
        image = self._catalog.image(reference)
        found = {path: self._find(source) for path, source in self._wanted(reference).items()}
        return {name: file for path, file in found.items() if file for name in image.names(path)}

    def _find(self, source: Source) -> Path | None:
        match source.scheme:
            case "go":
                return self._builds[source.owner].binary(source.member)
            case "venv":
                return venvs.lookup(venvs.location(self._lock(source)), source.member)
            case "shim":
                return SHIMS / source.path
        found = shutil.which(source.path)
        return Path(found) if found else None

    def _lock(self, source: Source) -> Path:
        return ROOT / self._catalog.venvs[source.owner].lock

    def _packaged_go(self) -> Path:
        """Return a Go toolchain from the package index, for machines without Go or with one that is too old."""
        return python_environment(ROOT / self._catalog.venvs["go"].lock)
