"""Reads docker-compose.yml as Compose does, into typed values."""

import re
import shlex
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.model.documents import parse_yaml
from sandbox.model.durations import seconds
from sandbox.model.errors import StackError
from sandbox.model.variables import Variables, interpolate, read_variables

__all__ = ["Build", "Healthcheck", "Mount", "Port", "Service", "Topology", "read_topology"]

FILE = "docker-compose.yml"


@dataclass(frozen=True)
class Build:
    """How an image is built: its context folder and its build arguments."""

    context: Path
    args: dict[str, str]


@dataclass(frozen=True)
class Port:
    """One published port. `variable` is the name in .env that supplies the host port, if any."""

    host: str
    published: int
    target: int
    variable: str | None


@dataclass(frozen=True)
class Mount:
    """A volume (`source` is its name) or a bind mount (`source` is an absolute path) at `target` in the container."""

    kind: str
    source: str
    target: str
    read_only: bool


@dataclass(frozen=True)
class Healthcheck:
    """The command of the health check as an argument list, and its timing in seconds."""

    test: list[str]
    interval: float
    timeout: float
    retries: int
    start_period: float


@dataclass(frozen=True)
class Service:
    """One service.

    `engine` is "docker" if x-engine states that only Docker needs the service. `memory_limit` is in bytes. `exposed`
    are ports that are open in the container without being published.
    """

    name: str
    image: str
    build: Build | None
    entrypoint: list[str]
    command: list[str]
    environment: dict[str, str]
    working_directory: str | None
    ports: list[Port]
    exposed: list[int]
    mounts: list[Mount]
    tmpfs: list[str]
    depends_on: dict[str, str]
    healthcheck: Healthcheck | None
    restart: str
    stop_signal: str
    stop_grace_period: float
    profiles: list[str]
    memory_limit: int | None
    engine: str | None
    raw: dict[str, Any] = field(repr=False)

    @property
    def argv(self) -> list[str]:
        return [*self.entrypoint, *self.command]

    @property
    def runs_once(self) -> bool:
        """Whether the service does one task and exits."""
        return self.restart == "no" and self.healthcheck is None

    @property
    def addresses(self) -> list[str]:
        """Its addresses on this machine. A port that the health check requests by HTTP gets an http URL."""
        asked = " ".join(self.healthcheck.test) if self.healthcheck else ""
        return [
            f"http://{port.host}:{port.published}" if f":{port.target}/" in asked else f"{port.host}:{port.published}"
            for port in self.ports
        ]

    @property
    def version(self) -> str:
        """The tag of its image."""
        name = self.image.rpartition("/")[2]
        return name.partition(":")[2].partition("@")[0] or "latest"


@dataclass(frozen=True)
class Topology:
    """The whole file: services in the order of the file, and the names of the volumes."""

    root: Path
    project: str
    services: dict[str, Service]
    volumes: list[str]
    variables: Variables

    def selected(self, profiles: Set[str] = frozenset(), without: Set[str] = frozenset()) -> dict[str, Service]:
        """Return the services to run: those without a profile or with one in `profiles`, except those in `without`."""
        unknown = sorted(without - set(self.services))
        if unknown:
            raise StackError(
                f"WITHOUT names {', '.join(unknown)}, but {FILE} has no such service.",
                f"Choose from: {', '.join(self.services)}.",
            )
        chosen = {
            name: service
            for name, service in self.services.items()
            if name not in without and (not service.profiles or set(service.profiles) & profiles)
        }
        for name, service in chosen.items():
            missing = sorted(set(service.depends_on) & without)
            if missing:
                raise StackError(
                    f"{name} cannot start without {', '.join(missing)}, which WITHOUT leaves out.",
                    f"Leave {name} out as well, or neither.",
                )
        return chosen


def read_topology(root: Path, environment: Mapping[str, str] | None = None) -> Topology:
    """Read `root`/docker-compose.yml and interpolate the variables of the checkout.

    Raises StackError if the file is invalid.
    """
    path = root / FILE
    if not path.exists():
        raise StackError(f"There is no {FILE} in {root}.", "Run this in the folder of the checkout.")
    variables = read_variables(root, environment)
    try:
        document = parse_yaml(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise StackError(f"{FILE} line {line} is not YAML: {error.problem}.", "Correct that line.") from error
    raw = document["services"]
    services = {name: _service(name, raw[name], _fill(raw[name], variables, name), root) for name in raw}
    _check_dependencies(services)
    volumes = list(document.get("volumes") or {})
    return Topology(root, interpolate(document.get("name", root.name), variables, FILE), services, volumes, variables)


def _fill(node: Any, variables: Variables, service: str) -> Any:
    if isinstance(node, str):
        return interpolate(node, variables, f"{FILE}, service {service}: {node!r}")
    if isinstance(node, list):
        return [_fill(item, variables, service) for item in node]
    if isinstance(node, dict):
        return {key: _fill(value, variables, service) for key, value in node.items()}
    return node


def _service(name: str, written: dict[str, Any], filled: dict[str, Any], root: Path) -> Service:
    build = filled.get("build")
    if isinstance(build, str):
        build = {"context": build}
    return Service(
        name=name,
        image=filled.get("image", f"{name}:latest"),
        build=Build((root / build["context"]).resolve(), _mapping(build.get("args"))) if build else None,
        entrypoint=_words(filled.get("entrypoint")),
        command=_words(filled.get("command")),
        environment=_mapping(filled.get("environment")),
        working_directory=filled.get("working_dir"),
        ports=[
            _port(name, text, raw) for text, raw in zip(filled.get("ports", []), written.get("ports", []), strict=True)
        ],
        exposed=[int(number) for number in _list(filled.get("expose"))],
        mounts=[_mount(name, text, root) for text in filled.get("volumes", [])],
        tmpfs=[entry.partition(":")[0] for entry in _list(filled.get("tmpfs"))],
        depends_on=_depends_on(filled.get("depends_on", {})),
        healthcheck=_healthcheck(filled.get("healthcheck")),
        restart=filled.get("restart", "no"),
        stop_signal=filled.get("stop_signal", "SIGTERM"),
        stop_grace_period=seconds(str(filled.get("stop_grace_period", "10s"))),
        profiles=_list(filled.get("profiles")),
        memory_limit=_bytes(filled["mem_limit"]) if "mem_limit" in filled else None,
        engine=filled.get("x-engine"),
        raw=filled,
    )


def _list(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else [str(item) for item in value]


def _words(value: Any) -> list[str]:
    return shlex.split(value) if isinstance(value, str) else _list(value)


def _mapping(value: Any) -> dict[str, str]:
    """Convert `[NAME=value]` to `{NAME: value}`; Compose accepts both.

    Names without a value are dropped: Compose would take their value from its own environment, or keep that of the
    image.
    """
    if isinstance(value, list):
        value = dict(entry.split("=", 1) for entry in value)
    scalars = {True: "true", False: "false"}
    return {
        key: scalars.get(item, str(item)) if isinstance(item, bool) else str(item)
        for key, item in (value or {}).items()
        if item is not None
    }


def _port(service: str, text: str, raw: str) -> Port:
    parts = re.fullmatch(r"(?:(?P<host>[\d.]+):)?(?P<published>\d+):(?P<target>\d+)(?:/tcp)?", str(text))
    if not parts:
        raise StackError(
            f"{FILE}, service {service}: the port {text!r} is not understood.",
            "Write it as 127.0.0.1:${SOME_PORT}:<container port>.",
        )
    variable = re.search(r"\$\{(\w+)", str(raw))
    return Port(
        parts["host"] or "0.0.0.0", int(parts["published"]), int(parts["target"]), variable[1] if variable else None
    )


def _mount(service: str, text: Any, root: Path) -> Mount:
    if not isinstance(text, str) or ":" not in text:
        raise StackError(
            f"{FILE}, service {service}: the volume {text!r} is not understood.",
            "Write it as <volume or ./path>:<container path>[:ro].",
        )
    source, target, *options = text.split(":")
    read_only = "ro" in ",".join(options).split(",")
    if source.startswith((".", "/", "~")):
        return Mount("bind", str((root / Path(source).expanduser()).resolve()), target.rstrip("/"), read_only)
    return Mount("volume", source, target.rstrip("/"), read_only)


def _depends_on(value: Any) -> dict[str, str]:
    if isinstance(value, list):
        return dict.fromkeys(value, "service_started")
    return {name: (entry or {}).get("condition", "service_started") for name, entry in value.items()}


def _healthcheck(value: dict[str, Any] | None) -> Healthcheck | None:
    if not value or value.get("disable") or value.get("test") in (["NONE"], "NONE"):
        return None
    test = value["test"]
    if isinstance(test, str) or test[0] == "CMD-SHELL":
        argv = ["/bin/sh", "-c", test if isinstance(test, str) else test[1]]
    else:
        argv = [str(word) for word in test[1:]]
    return Healthcheck(
        argv,
        seconds(str(value.get("interval", "30s"))),
        seconds(str(value.get("timeout", "30s"))),
        int(value.get("retries", 3)),
        seconds(str(value.get("start_period", "0s"))),
    )


def _bytes(text: Any) -> int:
    found = re.fullmatch(r"(\d+)\s*([bkmg]?)b?", str(text).lower())
    assert found, text
    return int(found[1]) * {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}[found[2]]


def _check_dependencies(services: dict[str, Service]) -> None:
    for service in services.values():
        for name, condition in service.depends_on.items():
            if name not in services:
                raise StackError(
                    f"{FILE}, service {service.name}: it depends on {name}, which is not there.", "Correct the name."
                )
            if condition == "service_healthy" and services[name].healthcheck is None:
                raise StackError(
                    f"{FILE}, service {service.name}: it waits for the health of {name}, which has no health check.",
                    f"Give {name} a healthcheck, or wait for service_started.",
                )
