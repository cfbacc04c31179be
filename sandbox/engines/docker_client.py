"""The docker command: whether it is usable here, and which images are available."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sandbox.model.compose import Service

__all__ = ["OLDEST_COMPOSE", "api_version", "data_folder", "memory", "missing_images", "run", "unavailable"]

ANSWER_SECONDS = 15
# The oldest versions that work with docker-compose.yml and sandbox/engines/docker.py, because of `host-gateway` and the
# JSON list of containers.
OLDEST_ENGINE, OLDEST_API, OLDEST_COMPOSE = "20.10", (1, 41), "2.21"
API = ["docker", "version", "--format", "{{.Server.APIVersion}}"]


def unavailable() -> str | None:
    """Return why Docker cannot be used here, or None if an engine and Compose respond."""
    if not shutil.which("docker"):
        return "there is no docker command"
    try:
        api = run(API, timeout=ANSWER_SECONDS)
        if api.returncode:
            return "no Docker engine answers"
        compose = run(["docker", "compose", "version", "--short"], timeout=ANSWER_SECONDS)
        if compose.returncode:
            return "the docker command has no compose plugin"
    except (subprocess.TimeoutExpired, OSError):
        return "the Docker engine does not answer in time"
    # A version that is not a number is a developer's own build.
    oldest = _version(OLDEST_COMPOSE) or (0, 0)
    if (_version(api.stdout) or OLDEST_API) < OLDEST_API:
        return f"Docker Engine {OLDEST_ENGINE} or newer is needed (this one has API {api.stdout.strip()})"
    if (_version(compose.stdout) or oldest) < oldest:
        return f"Docker Compose {OLDEST_COMPOSE} or newer is needed (this is {compose.stdout.strip()})"
    return None


def missing_images(services: Mapping[str, Service]) -> dict[str, str]:
    """Return images that are neither local nor available from their registry, with the reason. Does not pull."""
    wanted = set()
    built = {service.image for service in services.values() if service.build}
    for service in services.values():
        if service.build:
            # Base images of a build count like any other image.
            wanted |= {value for name, value in service.build.args.items() if name.endswith("_IMAGE")}
        elif service.image not in built:
            wanted.add(service.image)
    for image in sorted(wanted):
        if run(["docker", "image", "inspect", image]).returncode == 0:
            continue
        try:
            answer = run(["docker", "manifest", "inspect", image], timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            return {image: "its registry does not answer"}
        if answer.returncode:
            # One unavailable image is sufficient; checking the rest would only take time.
            told = (answer.stderr.strip().splitlines() or ["its registry refuses"])[-1]
            return {image: told.rpartition(": ")[2]}
    return {}


def api_version() -> tuple[int, int]:
    """Return the engine's API version; (0, 0) if unknown."""
    return _version(run(API).stdout) or (0, 0)


def data_folder() -> Path | None:
    """Return the engine's folder for images and volumes; None if it is on another machine, as with Docker Desktop."""
    folder = Path(run(["docker", "info", "--format", "{{.DockerRootDir}}"]).stdout.strip() or "/nowhere")
    return folder if folder.is_dir() else None


def memory(names: list[str]) -> dict[str, int | None]:
    """Return the memory use of running containers in bytes, by name; None if it is unknown."""
    if not names:
        return {}
    result = run(["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *names])
    lines = [line.split() for line in result.stdout.splitlines()]
    return {words[0]: _bytes(words[1]) for words in lines if len(words) > 1}


def run(
    command: list[str], timeout: float | None = None, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command and return its output."""
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=cwd, env=env, check=False)


def _version(text: str) -> tuple[int, int] | None:
    """Return the first two numbers of e.g. `v2.40.3-desktop.1`; None if there are none."""
    match = re.search(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def _bytes(text: str) -> int | None:
    """Convert `57.3MiB`, or podman's `57.3MB`, to bytes.

    Returns None if the text is not a size, as for a container that is exiting.
    """
    units = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b", text.lower())
    return int(float(match[1]) * (1024 if match[3] else 1000) ** units[match[2]]) if match else None
