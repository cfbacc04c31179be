"""Finds the native form of each service's image, and the services that have none."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.engines.native import build, images
from sandbox.engines.native.build.web import RESULTS
from sandbox.engines.native.project import NativeForm
from sandbox.model.compose import Build, Service, Topology
from sandbox.model.errors import StackError

__all__ = ["Selection", "forms", "select"]

# The keys of a service in docker-compose.yml: those that a process can implement, and those that apply only to
# containers. Of the latter, only limits matter: natively, mem_limit and pids_limit are not enforced.
HONOURED = {
    "build", "command", "depends_on", "entrypoint", "environment", "expose", "healthcheck", "image", "ports",
    "profiles", "restart", "stop_grace_period", "stop_signal", "tmpfs", "volumes", "working_dir",
}  # fmt: skip
OF_CONTAINERS = {
    "cap_add", "cap_drop", "container_name", "cpus", "extra_hosts", "hostname", "init", "labels", "logging",
    "mem_limit", "network_mode", "networks", "pids_limit", "pull_policy", "read_only", "security_opt", "shm_size",
    "ulimits", "user",
}  # fmt: skip
# The folder of the source code in the image (services/Dockerfile).
WORKING_DIRECTORY = "/app"


@dataclass(frozen=True)
class Selection:
    """The services that run natively; those that do not, each with the reason."""

    services: dict[str, Service]
    left_out: dict[str, str]


def select(topology: Topology, services: Mapping[str, Service]) -> Selection:
    """Leave out services that only Docker needs or that have no native form."""
    left_out = {}
    catalog = images.load()
    built = _built(topology)
    for name, service in services.items():
        if service.engine == "docker":
            left_out[name] = "only Docker needs it"
        elif service.image not in built and (reason := catalog.image(service.image).without):
            left_out[name] = reason
    for name, service in services.items():
        # Services that only Docker needs are not missed; others that are left out may be.
        missed = [n for n in service.depends_on if n in left_out and services[n].engine != "docker"]
        if missed and name not in left_out:
            raise StackError(
                f"{name} depends on {missed[0]}, which cannot run natively: {left_out[missed[0]]}.",
                f"Leave it out with WITHOUT={name}, or use ENGINE=docker.",
            )
    chosen = {name: service for name, service in services.items() if name not in left_out}
    for name, service in chosen.items():
        unknown = sorted(key for key in service.raw if key not in HONOURED | OF_CONTAINERS and not key.startswith("x-"))
        if unknown:
            raise StackError(
                f"{name} uses {', '.join(unknown)}, which the native engine does not know.",
                "Say it another way, teach sandbox/engines/native/project.py the key, or run with ENGINE=docker.",
            )
    return Selection(chosen, left_out)


def forms(topology: Topology, services: Mapping[str, Service]) -> tuple[dict[str, NativeForm], Path]:
    """Return the native form of each service and the supervisor's program. Builds what is missing."""
    built = _built(topology)
    catalog = images.load()
    references = {service.image for service in services.values()} - set(built)
    locks = {service.image: _lock(built[service.image]) for service in services.values() if service.image in built}
    contexts = {built[image].context for image in locks}
    webs = sorted(folder for folder in contexts if (folder / "package-lock.json").exists())
    prepared = build.prepare(sorted(references), ["process-compose"], sorted(set(locks.values())), webs)
    found = {}
    for name, service in services.items():
        if service.image in built:
            python = prepared.environments[locks[service.image]] / "bin" / "python"
            inside = service.working_directory or WORKING_DIRECTORY
            folder = built[service.image].context
            pages = prepared.pages.get(folder)
            results = {f"{WORKING_DIRECTORY}/{result}": pages / result for result in RESULTS} if pages else {}
            programs = {path.name: path for path in (pages / "bin").iterdir()} if pages else {}
            executables = {"python": python, "python3": python, **programs}
            found[name] = NativeForm(executables, {}, (inside, folder), results)
        else:
            found[name] = NativeForm(prepared.images[service.image], catalog.image(service.image).environment)
    return found, prepared.tools["process-compose"]


def _built(topology: Topology) -> dict[str, Build]:
    """Return the images that this repository builds. Another service may use one without building it again."""
    return {service.image: service.build for service in topology.services.values() if service.build}


def _lock(made_from: Build) -> Path:
    lock = made_from.context / "requirements.lock"
    if not lock.exists():
        raise StackError(
            f"The native engine runs what is built from a folder with Python and a requirements.lock;"
            f" {made_from.context} has none.",
            "Add the lock file, or mark the service with `x-engine: docker`.",
        )
    return lock
