"""The engine that runs docker-compose.yml with Docker Compose."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from stack.compose import Service, Topology
from stack.errors import StackError
from stack.model import Component, Report
from stack.preflight import check_disk, check_ports
from stack.variables import FILES

__all__ = ["DockerEngine", "missing_images", "unavailable"]

TAIL_LINES = 20
ANSWER_SECONDS = 15
PULL_SECONDS = 1800
REPLACE_SECONDS = 45
# Longer than services/frontend/release.py waits for the tracker and for its upload, which it gives two minutes.
RUN_ONCE_SECONDS = 150
POLL_SECONDS = 0.3
# The states in which a container has its ports, or takes them again by itself.
HOLDING = ("running", "restarting", "paused")


def unavailable() -> str | None:
    """Why Docker cannot be used here, or None when an engine and Compose answer."""
    if not shutil.which("docker"):
        return "there is no docker command"
    try:
        version = _run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=ANSWER_SECONDS)
        if version.returncode:
            return "no Docker engine answers"
        if _run(["docker", "compose", "version"], timeout=ANSWER_SECONDS).returncode:
            return "the docker command has no compose plugin"
    except (subprocess.TimeoutExpired, OSError):
        return "the Docker engine does not answer in time"
    return None


def missing_images(services: Mapping[str, Service]) -> dict[str, str]:
    """Images that are neither here nor to be had from their registry, each with the reason. Asks, does not pull."""
    wanted = set()
    built = {service.image for service in services.values() if service.build}
    for service in services.values():
        if service.build:
            # What a build starts from is an image like any other.
            wanted |= {value for name, value in service.build.args.items() if name.endswith("_IMAGE")}
        elif service.image not in built:
            wanted.add(service.image)
    for image in sorted(wanted):
        if _run(["docker", "image", "inspect", image]).returncode == 0:
            continue
        try:
            answer = _run(["docker", "manifest", "inspect", image], timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            return {image: "its registry does not answer"}
        if answer.returncode:
            # One image that cannot be had decides; asking for the rest would only take time.
            told = (answer.stderr.strip().splitlines() or ["its registry refuses"])[-1]
            return {image: told.rpartition(": ")[2]}
    return {}


class DockerEngine:
    """Runs `services` of the topology with `docker compose`."""

    name = "docker"

    def __init__(self, topology: Topology, services: Mapping[str, Service]) -> None:
        self.topology = topology
        self.wanted = services

    def left_out(self) -> dict[str, str]:
        return {}

    def up(self, report: Report) -> None:
        if folder := _data_folder():
            check_disk(folder)
        # Healthy or not: one that still starts, as after the machine's own start, holds its ports all the same.
        running = {part.name for part in self.components(measure=False) if part.state in HOLDING}
        check_ports(service for name, service in self.wanted.items() if name not in running)
        # Containers that ended in an earlier start would be taken for failures of this one.
        self._checked("rm", "--force")
        report("docker compose up (pulls and builds what is not here yet)")
        result = subprocess.run(
            self._compose("up", "--detach", "--build", "--wait", "--remove-orphans", *self.wanted),
            cwd=self.topology.root,
        )
        if result.returncode:
            failure = self._failure()
            if not running:
                # Stopped, not removed: `docker compose logs` and `docker inspect` still tell what happened.
                self._checked("stop")
            raise failure

    def down(self, report: Report) -> bool:
        ran = bool(self.components(measure=False))
        self._checked("down", "--remove-orphans")
        return ran

    def clean(self, report: Report) -> None:
        volumes = self._volumes()
        self._checked("down", "--remove-orphans", "--volumes")
        for volume in volumes:
            report(f"Removed volume {volume}")

    def components(self, measure: bool = True) -> list[Component]:
        containers = [c for c in self._containers() if c["Service"] in self.topology.services]
        memory = self._memory([c["Name"] for c in containers if c["State"] == "running"]) if measure else {}
        return [
            self._component(container, memory.get(container["Name"]))
            for container in sorted(containers, key=lambda container: container["Service"])
        ]

    def stop(self, name: str) -> None:
        self._checked("stop", name)

    def kill(self, name: str) -> None:
        self._checked("kill", "--signal", "SIGKILL", name)

    def start(self, name: str, report: Report) -> None:
        self._checked("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--no-build", name)
        report(f"{name} is healthy")

    def replace(self, name: str, report: Report) -> None:
        self._checked("build", "--quiet", name)
        if self.topology.services[name].runs_once:
            self._run_to_its_end(name, report)
            return
        # A version that ends at its start is restarted for ever; without a limit so would be the waiting for it.
        limit = str(REPLACE_SECONDS)
        arguments = ["--detach", "--wait", "--wait-timeout", limit, "--no-deps", "--no-build", name]
        if _run(self._compose("up", *arguments), cwd=self.topology.root).returncode:
            raise self._failure(name)
        report(f"{name} is healthy")

    def _run_to_its_end(self, name: str, report: Report) -> None:
        """What runs once, a release of a part of the frontend: `--wait` would take its end for a failure."""
        self._checked("up", "--detach", "--force-recreate", "--no-deps", "--no-build", name)
        deadline = time.monotonic() + RUN_ONCE_SECONDS
        while True:
            part = next((part for part in self.components(measure=False) if part.name == name), None)
            if part and part.health == "done":
                break
            if time.monotonic() > deadline or (part and part.state in ("exited", "dead")):
                raise self._failure(name)
            time.sleep(POLL_SECONDS)
        report(f"{name} has done its work")

    def run_once(self, name: str, arguments: list[str]) -> str:
        self._checked("build", "--quiet", name)
        program, *rest = arguments
        return self._checked("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", program, name, *rest)

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        arguments = ["logs", "--tail", str(lines), *(["--follow"] if follow else []), *services]
        with subprocess.Popen(
            self._compose(*arguments), cwd=self.topology.root, stdout=subprocess.PIPE, text=True, errors="replace"
        ) as process:
            for line in process.stdout:
                yield line.rstrip("\n")

    def _compose(self, *arguments: str) -> list[str]:
        files = [name for name in FILES if (self.topology.root / name).exists()]
        return ["docker", "compose", *(word for name in files for word in ("--env-file", name)), *arguments]

    def _checked(self, *arguments: str) -> str:
        result = _run(self._compose(*arguments), cwd=self.topology.root)
        if result.returncode:
            raise StackError(
                f"docker compose {arguments[0]} failed.",
                "Read its message above; `docker compose config` checks the file.",
                result.stderr.strip().splitlines()[-TAIL_LINES:],
            )
        return result.stdout

    def _containers(self) -> list[dict]:
        lines = self._checked("ps", "--all", "--format", "json").splitlines()
        return [json.loads(line) for line in lines if line]

    def _memory(self, names: list[str]) -> dict[str, int]:
        if not names:
            return {}
        result = _run(["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *names])
        return {line.split()[0]: _bytes(line.split()[1]) for line in result.stdout.splitlines() if line}

    def _volumes(self) -> list[str]:
        label = f"label=com.docker.compose.project={self.topology.project}"
        return _run(["docker", "volume", "ls", "--quiet", "--filter", label]).stdout.split()

    def _component(self, container: dict, memory: int | None) -> Component:
        service = self.topology.services[container["Service"]]
        state = container["State"]
        health = container.get("Health") or "running"
        if state != "running":
            # What is meant to end is never restarted; anything else that has ended was stopped, or has failed.
            done = state == "exited" and service.restart == "no" and not container.get("ExitCode")
            health = "done" if done else "down"
        return Component(
            service.name, self.name, service.version, state, health, container["Name"], memory, service.addresses
        )

    def _failure(self, name: str | None = None) -> StackError:
        """Name what kept `docker compose up` from ending well; `name` is the only component that it was about."""
        containers = [c for c in self._containers() if name in (None, c["Service"])]
        ended = [c for c in containers if c["State"] in ("exited", "dead", "restarting") and c.get("ExitCode")]
        ill = [c for c in containers if c.get("Health") == "unhealthy"]
        starting = [c for c in containers if c.get("Health") == "starting"]
        bad = next(iter([*ended, *ill, *starting]), None)
        if bad is None:
            return StackError(
                f"docker compose up{f' {name}' if name else ''} failed before a container started.",
                "Its message is above. Without an image registry, use ENGINE=native.",
            )
        lines = self._checked("logs", "--tail", str(TAIL_LINES), "--no-log-prefix", bad["Service"]).splitlines()
        what = f"{bad['State']} (exit status {bad['ExitCode']})" if bad in ended else bad["Health"]
        return StackError(
            f"{bad['Service']} did not become healthy: it is {what}.",
            f"Its last lines are above; `docker compose logs {bad['Service']}` has all. "
            f"Correct the cause and run `make up` again.",
            lines,
        )


def _data_folder() -> Path | None:
    """Where the engine keeps images and volumes; None when that is on another machine, as with Docker Desktop."""
    folder = Path(_run(["docker", "info", "--format", "{{.DockerRootDir}}"]).stdout.strip() or "/nowhere")
    return folder if folder.is_dir() else None


def _run(command: list[str], timeout: float | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=cwd, check=False)


def _bytes(text: str) -> int:
    """`57.3MiB` as a number."""
    units = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    unit = next(unit for unit in sorted(units, key=len, reverse=True) if text.endswith(unit))
    return int(float(text.removesuffix(unit)) * units[unit])
