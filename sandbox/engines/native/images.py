"""Facts about the container images of docker-compose.yml, read from sandbox/engines/native/images.toml."""

import dataclasses
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from sandbox.model.errors import StackError

__all__ = ["Catalog", "Directory", "Image", "Program", "Reference", "Source", "Venv", "load"]

FILE = Path(__file__).with_name("images.toml")
DEFAULT_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
SCHEMES = ("go", "venv", "shim", "host")
Record = TypeVar("Record")


@dataclass(frozen=True)
class Reference:
    """The parts of an image reference: `registry.example/prom/prometheus:v3.15.0` is (prom/prometheus, v3.15.0)."""

    repository: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> "Reference":
        """Parse a reference.

        All registry hosts and the digest are dropped: a mirror serves the same image, also one of another registry.
        """
        name, _, _ = text.partition("@")
        head, slash, rest = name.partition("/")
        while slash and ("." in head or ":" in head or head == "localhost"):
            name = rest
            head, slash, rest = name.partition("/")
        repository, colon, tag = name.rpartition(":")
        if not colon:
            repository, tag = name, "latest"
        return cls(repository.removeprefix("library/"), tag)


@dataclass(frozen=True)
class Source:
    """The native source of a program of an image, e.g. scheme `go`, path `prometheus/promtool`."""

    scheme: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Source":
        scheme, _, path = text.partition(":")
        if scheme not in SCHEMES or not path:
            raise StackError(
                f"sandbox/engines/native/images.toml: source {text!r} is unknown",
                f"Begin it with one of {SCHEMES} and a colon.",
            )
        return cls(scheme, path)

    @property
    def owner(self) -> str:
        """The [program.*] or [venv.*] table that builds it (first part of the path)."""
        return self.path.partition("/")[0]

    @property
    def member(self) -> str:
        """Its name inside its owner (rest of the path)."""
        return self.path.partition("/")[2]


@dataclass(frozen=True)
class Directory:
    path: str
    owner: str
    mode: str


@dataclass(frozen=True)
class Image:
    repository: str
    tags: tuple[str, ...]
    licence: str
    read_from: str
    base: str
    user: str
    workdir: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    ports: tuple[int, ...]
    volumes: tuple[str, ...] = ()
    path: tuple[str, ...] = DEFAULT_PATH
    without: str = ""
    stop_signal: str = "SIGTERM"
    environment: dict[str, str] = field(default_factory=dict)
    later: tuple[str, ...] = ()
    accounts: dict[str, str] = field(default_factory=dict)
    directories: tuple[Directory, ...] = ()
    binaries: dict[str, Source] = field(default_factory=dict)
    tools: dict[str, Source] = field(default_factory=dict)

    @property
    def programs(self) -> dict[str, Source]:
        """All executables of the image: absolute path -> native source."""
        return self.binaries | self.tools

    def names(self, executable: str) -> tuple[str, ...]:
        """Return how a command may spell `executable`: its path, and its bare name if its folder is on the PATH."""
        parent, name = str(PurePosixPath(executable).parent), PurePosixPath(executable).name
        return (executable, name) if parent in self.path else (executable,)


@dataclass(frozen=True)
class Program:
    """A Go program: its module, packages and build tags. Two programs of one module share a `folder` of go/.

    `stamp` are texts that the linker sets: variable -> value.
    """

    name: str
    module: str
    version: str
    binaries: dict[str, str]
    seconds: int
    tags: tuple[str, ...] = ()
    folder: str = ""
    licence: str = ""
    stamp: dict[str, str] = field(default_factory=dict)

    @property
    def directory(self) -> str:
        """Its folder in sandbox/engines/native/go."""
        return self.folder or self.name


@dataclass(frozen=True)
class Venv:
    """A Python environment made from a lock file (path from the repository's root)."""

    name: str
    lock: str


@dataclass(frozen=True)
class Catalog:
    images: dict[str, Image]
    programs: dict[str, Program]
    venvs: dict[str, Venv]

    def image(self, reference: str) -> Image:
        """Return the image of a reference such as `prom/prometheus:v3.15.0`.

        Raises StackError if it is unknown.
        """
        repository = Reference.parse(reference).repository
        if repository not in self.images:
            raise StackError(
                f"image {repository} is not in sandbox/engines/native/images.toml",
                f'Add a table [image."{repository}"] that says how its program is built, or run with ENGINE=docker.',
            )
        return self.images[repository]

    def check_pin(self, reference: str) -> None:
        """Raise StackError if the pin has another version than the one that is built natively."""
        tag, image = Reference.parse(reference).tag, self.image(reference)
        if tag in image.tags or image.without:
            return
        built = [p for p in (self.programs.get(s.owner) for s in image.binaries.values()) if p]
        made_from = f", made from {built[0].module} {built[0].version}" if built else ""
        raise StackError(
            f"{reference} is pinned, but the native engine has {image.repository}:{' or '.join(image.tags)}{made_from}",
            "Set the pin in .env back, or move version and tags in sandbox/engines/native/images.toml together "
            "with the program's go.mod or lock file, or run with ENGINE=docker.",
        )

    def program(self, name: str) -> Program:
        """Return the Go program of this name. Raises StackError if it is unknown."""
        if name not in self.programs:
            raise StackError(f"there is no program {name}", f"The tables [program.*] of {FILE} name those there are.")
        return self.programs[name]


def _record(kind: type[Record], where: str, table: dict[str, Any]) -> Record:
    """Convert a TOML table to a dataclass: dashes become underscores, lists tuples.

    Unknown and missing keys are errors.
    """
    values = {key.replace("-", "_"): tuple(v) if isinstance(v, list) else v for key, v in table.items()}
    known = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = values.keys() - known.keys()
    absent = [n for n, f in known.items() if n not in values and f.default is f.default_factory is dataclasses.MISSING]
    if unknown or absent:
        problems = [f"unknown {name!r}" for name in sorted(unknown)] + [f"{name!r} is missing" for name in absent]
        raise StackError(
            f"sandbox/engines/native/images.toml, [{where}]: {', '.join(problems)}",
            "The head of that file explains its keys.",
        )
    return kind(**values)


def _image(repository: str, table: dict[str, Any]) -> Image:
    where = f'image."{repository}"'
    directories = [_record(Directory, where, entry) for entry in table.get("directories", [])]
    sources = {
        key: {path: Source.parse(text) for path, text in table.get(key, {}).items()} for key in ("binaries", "tools")
    }
    return _record(Image, where, {**table, **sources, "repository": repository, "directories": directories})


@functools.cache
def load(file: Path = FILE) -> Catalog:
    """Read and check the catalog: every `go:` and `venv:` source must name an existing table."""
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    catalog = Catalog(
        images={name: _image(name, table) for name, table in data["image"].items()},
        programs={n: _record(Program, f"program.{n}", {"name": n, **t}) for n, t in data["program"].items()},
        venvs={n: _record(Venv, f"venv.{n}", {"name": n, **t}) for n, t in data["venv"].items()},
    )
    owners: dict[str, Mapping[str, object]] = {"go": catalog.programs, "venv": catalog.venvs}
    for image in catalog.images.values():
        for path, source in image.programs.items():
            if source.scheme in owners and source.owner not in owners[source.scheme]:
                problem = f"{file.name}: {path} of {image.repository} comes from {source.scheme}:{source.owner}"
                raise StackError(problem, "Add the table that says how that is made.")
    return catalog
