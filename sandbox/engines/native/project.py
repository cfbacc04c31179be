"""Converts docker-compose.yml to a process-compose project."""

import json
import math
import re
import shlex
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.engines.native.render import Substitutions, render_copy
from sandbox.model.compose import Healthcheck, Service, Topology
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout

__all__ = ["MARKER", "NativeForm", "compose_project", "process_of", "substitutions", "write_project"]

# Every process of a checkout has this variable; it identifies the leftovers of a killed run.
MARKER = "SANDBOX_CHECKOUT"
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
CONDITIONS = {
    "service_started": "process_started",
    "service_healthy": "process_healthy",
    "service_completed_successfully": "process_completed_successfully",
}
# The supervisor stops a process whose probe fails this many times in a row. Docker only reports it, so it must never
# happen.
NEVER = 2_000_000_000


@dataclass(frozen=True)
class NativeForm:
    """What runs natively instead of an image.

    - executables: name of a program in a command -> the program on this machine.
    - environment: variables that the image sets; Compose's settings override them.
    - working_directory: (the folder in the image, the folder on this machine).
    - results: folders that a build creates in the image -> their place on this machine.
    """

    executables: Mapping[str, Path]
    environment: Mapping[str, str]
    working_directory: tuple[str, Path] | None = None
    results: Mapping[str, Path] = field(default_factory=dict)


def compose_project(
    topology: Topology, services: Mapping[str, Service], forms: Mapping[str, NativeForm], layout: Layout
) -> dict[str, Any]:
    """Return the supervisor's project for `services`.

    Also renders their configuration and creates their folders.
    """
    return {
        "version": "0.5",
        "disable_env_expansion": True,
        "is_tui_disabled": True,
        "is_strict": True,
        # Lines kept in the supervisor's memory; the files in .run/logs have all of them.
        "log_length": 50,
        "processes": {
            name: process_of(topology, service, services, forms[name], layout) for name, service in services.items()
        },
    }


def process_of(
    topology: Topology, service: Service, services: Mapping[str, Service], form: NativeForm, layout: Layout
) -> dict[str, Any]:
    """Return the supervisor's entry for one of `services`.

    Also renders its configuration and creates its folders.
    """
    return _process(service, services, form, substitutions(topology, service, form, layout), layout)


def write_project(content: dict[str, Any], path: Path) -> None:
    """Write the project as JSON, which is valid YAML; `$` is escaped, because the supervisor expands variables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1).replace("$", "\\u0024"), encoding="utf-8")


def substitutions(topology: Topology, service: Service, form: NativeForm, layout: Layout) -> Substitutions:
    """Return the native substitutes of the addresses, ports and paths of `service`."""
    addresses = {
        (other.name, port.target): port.published for other in topology.services.values() for port in other.ports
    }
    paths = {path: str(layout.native_path(layout.scratch(service.name), path)) for path in service.tmpfs}
    for mount in service.mounts:
        if mount.kind == "volume":
            paths[mount.target] = str(layout.volume(mount.source))
        else:
            paths[mount.target] = str(layout.native_path(layout.config / service.name, mount.target))
    paths |= {inside: str(outside) for inside, outside in form.results.items()}
    if form.working_directory:
        inside, outside = form.working_directory
        if inside != "/":
            paths.setdefault(inside, str(outside))
    own = {port.target: port.published for port in service.ports}
    return Substitutions(addresses, own, paths)


def _process(
    service: Service, services: Mapping[str, Service], form: NativeForm, change: Substitutions, layout: Layout
) -> dict[str, Any]:
    digest = _prepare(service, change, layout)
    process = {
        "entrypoint": _argv(service, service.argv, form, change.apply),
        "environment": [f"{name}={value}" for name, value in _environment(service, form, change, layout).items()],
        "working_dir": str(form.working_directory[1] if form.working_directory else layout.scratch(service.name)),
        # A changed configuration file changes this text, and a changed text restarts the process at the next `up`.
        "description": f"configuration {digest}",
        "depends_on": {
            name: {"condition": CONDITIONS[condition]}
            for name, condition in service.depends_on.items()
            if name in services
        },
        "availability": _availability(service.restart),
        "shutdown": {
            "signal": int(signal.Signals[service.stop_signal]),
            "timeout_seconds": math.ceil(service.stop_grace_period),
        },
        "log_location": str(layout.log(service.name)),
        "log_configuration": {
            "rotation": {"max_size_mb": 10, "max_backups": 2},
            "disable_json": True,
            "fields_order": ["message"],
            "no_color": True,
            "no_metadata": True,
            "flush_each_line": True,
        },
    }
    if service.healthcheck:
        process["readiness_probe"] = _probe(service, service.healthcheck, form, change)
    return process


def _prepare(service: Service, change: Substitutions, layout: Layout) -> str:
    layout.scratch(service.name).mkdir(parents=True, exist_ok=True)
    for path in service.tmpfs:
        Path(change.paths[path]).mkdir(parents=True, exist_ok=True)
    digests = []
    for mount in service.mounts:
        target = Path(change.paths[mount.target])
        if mount.kind == "volume":
            target.mkdir(parents=True, exist_ok=True)
        elif not Path(mount.source).exists():
            raise StackError(f"{service.name} mounts {mount.source}, which does not exist.", "Restore it from git.")
        else:
            digests.append(render_copy(Path(mount.source), target, change))
    return "-".join(digest[:12] for digest in digests) or "none"


def _argv(service: Service, words: list[str], form: NativeForm, apply: Callable[[str], str]) -> list[str]:
    name, *arguments = words
    found = form.executables.get(name) or (None if name.startswith("/") else shutil.which(name, path=SYSTEM_PATH))
    if not found:
        known = ", ".join(form.executables) or "none"
        raise StackError(
            f"{service.name} runs {name}, which the native form of {service.image} lacks (it has: {known}).",
            "Name one of those in docker-compose.yml, or add the program in sandbox/engines/native/images.toml.",
        )
    return [str(found), *map(apply, arguments)]


def _environment(service: Service, form: NativeForm, change: Substitutions, layout: Layout) -> dict[str, str]:
    scratch = layout.scratch(service.name)
    folders = dict.fromkeys(str(path.parent) for path in form.executables.values())
    stated = {name: change.apply(value) for name, value in {**form.environment, **service.environment}.items()}
    return {
        "PATH": ":".join([*folders, SYSTEM_PATH]),
        "HOME": str(scratch),
        "TMPDIR": change.paths.get("/tmp", str(scratch)),
        "LANG": "C.UTF-8",
        MARKER: str(layout.root),
        **stated,
    }


def _availability(restart: str) -> dict[str, Any]:
    policy, _, attempts = restart.partition(":")
    if policy in ("always", "unless-stopped"):
        return {"restart": "always", "backoff_seconds": 1}
    if policy == "on-failure":
        return {"restart": "on_failure", "backoff_seconds": 1, "max_restarts": int(attempts or 0)}
    return {"restart": "no"}


def _probe(service: Service, check: Healthcheck, form: NativeForm, change: Substitutions) -> dict[str, Any]:
    """Convert a health check.

    A check that requests a page becomes an HTTP probe of the supervisor, which needs no process. Other commands are
    run.
    """
    timing = {
        "period_seconds": 1,
        "timeout_seconds": max(1, math.ceil(check.timeout)),
        "failure_threshold": NEVER,
    }
    url = next((match[0] for word in check.test if (match := re.search(r"https?://[\w.-]+:\d+/[^\s'\"]*", word))), None)
    if url:
        parts = urlsplit(change.apply_inside(url))
        page = {"scheme": parts.scheme, "host": parts.hostname, "port": str(parts.port), "path": parts.path or "/"}
        return {"http_get": page, **timing}
    command = shlex.join(_argv(service, check.test, form, change.apply_inside))
    # Repeated within one probe, because the next one would be a second later; the probe's timeout ends the loop.
    asking = f"until {command}; do sleep 0.05; done"
    # The supervisor treats a command as a template.
    return {"exec": {"command": asking.replace("{{", '{{"{{"}}')}, **timing}
