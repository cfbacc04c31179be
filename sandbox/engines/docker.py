"""The engine that runs docker-compose.yml with Docker Compose."""

import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.engines import docker_client, passwords
from sandbox.engines.docker_client import missing_images, unavailable
from sandbox.engines.engine import Component, Report
from sandbox.engines.preflight import check_disk, check_line_ends, check_ports, check_readable
from sandbox.model.compose import Service, Topology
from sandbox.model.environment import for_docker
from sandbox.model.errors import StackError

__all__ = ["DockerEngine", "missing_images", "unavailable", "unawaited"]

TAIL_LINES = 20
REPLACE_SECONDS = 45
# Longer than services/frontend/release.py waits for the tracker and for its upload, which it gives two minutes.
RUN_ONCE_SECONDS = 150
# At a first start it gives the tracker three minutes to start, too.
FIRST_RUN_SECONDS = 330
POLL_SECONDS = 0.3
# From this API on health checks have a start_interval, five seconds unless stated; older ones refuse the key.
START_INTERVAL_API = (1, 44)
START_INTERVAL = Path(".run") / "start-interval.json"
COMPLETED = "service_completed_successfully"
# docker-compose.yml hands it to Prometheus, whose alerts then do not link to what is not there.
NO_GRAFANA = "(this stack has no Grafana) "
# The states in which a container has its ports, or takes them again by itself.
HOLDING = ("running", "restarting", "paused")


class DockerEngine:
    """Runs `services` of the topology with `docker compose`."""

    name = "docker"

    def __init__(self, topology: Topology, services: Mapping[str, Service]) -> None:
        self.topology = topology
        self.wanted = services

    def left_out(self) -> dict[str, str]:
        return {}

    def up(self, report: Report) -> None:
        here = docker_client.data_folder()
        if here:
            check_disk(here)
        check_line_ends(self.topology.root, self.wanted.values())
        if here:
            check_readable(self.topology.root, self.wanted.values())
        # Healthy or not: one that still starts, as after the machine's own start, holds its ports all the same.
        running = {part.name for part in self.components(measure=False) if part.state in HOLDING}
        check_ports(service for name, service in self.wanted.items() if name not in running)
        self._choose_start_interval()
        # Containers that ended in an earlier start would be taken for failures of this one.
        self.compose("rm", "--force")
        report("docker compose up (pulls and builds what is not here yet)")
        alone = unawaited(self.wanted)
        rest = [name for name in self.wanted if name not in alone]
        # What a service of these only follows would come along, and --wait would take its end for a failure.
        limit = ["--no-deps"] if alone else []
        try:
            if rest and self._follow("up", "--detach", "--build", "--wait", "--remove-orphans", *limit, *rest):
                raise self._failure()
            for name in alone:
                self.compose("build", "--quiet", name)
                self._run_to_its_end(name, report, FIRST_RUN_SECONDS)
        except StackError:
            if not running:
                # Stopped, not removed: `docker compose logs` and `docker inspect` still tell what happened.
                self.compose("stop")
            raise

    def _follow(self, *arguments: str) -> int:
        """Run it before the user's eyes; its exit status. StackError when PostgreSQL refuses a password meanwhile."""
        accepted = "postgres" not in self.wanted
        with subprocess.Popen(self._command(*arguments), cwd=self.topology.root, env=self._environment()) as process:
            while process.poll() is None:
                try:
                    accepted = accepted or passwords.accepted(self.topology)
                    process.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
                except StackError:
                    process.terminate()
                    raise
        return process.returncode

    def _choose_start_interval(self) -> None:
        """Ask each second for the health of what starts, where this engine can."""
        path = self.topology.root / START_INTERVAL
        if docker_client.api_version() >= START_INTERVAL_API:
            path.parent.mkdir(exist_ok=True)
            path.touch()
        else:
            path.unlink(missing_ok=True)

    def down(self, report: Report) -> bool:
        ran = bool(self.components(measure=False))
        self.compose("down", "--remove-orphans")
        return ran

    def clean(self, report: Report) -> None:
        volumes = self._volumes()
        self.compose("down", "--remove-orphans", "--volumes")
        for volume in volumes:
            report(f"Removed volume {volume}")

    def components(self, measure: bool = True) -> list[Component]:
        containers = [c for c in self.containers() if c["Service"] in self.topology.services]
        memory = self._memory([c["Name"] for c in containers if c["State"] == "running"]) if measure else {}
        return [
            self._component(container, memory.get(container["Name"]))
            for container in sorted(containers, key=lambda container: container["Service"])
        ]

    def stop(self, name: str) -> None:
        self.compose("stop", name)

    def kill(self, name: str) -> None:
        self.compose("kill", "--signal", "SIGKILL", name)

    def start(self, name: str, report: Report) -> None:
        self.compose("up", "--detach", "--wait", "--no-deps", "--no-recreate", "--no-build", name)
        report(f"{name} is healthy")

    def replace(self, name: str, report: Report) -> None:
        self.compose("build", "--quiet", name)
        if self.topology.services[name].runs_once:
            self._run_to_its_end(name, report, RUN_ONCE_SECONDS)
            return
        # A version that ends at its start is restarted for ever; without a limit so would be the waiting for it.
        limit = str(REPLACE_SECONDS)
        arguments = ["--detach", "--wait", "--wait-timeout", limit, "--no-deps", "--no-build", name]
        if docker_client.run(
            self._command("up", *arguments), cwd=self.topology.root, env=self._environment()
        ).returncode:
            raise self._failure(name)
        report(f"{name} is healthy")

    def _run_to_its_end(self, name: str, report: Report, seconds: float) -> None:
        """What runs once, a release of a part of the frontend: `--wait` would take its end for a failure."""
        self.compose("up", "--detach", "--force-recreate", "--no-deps", "--no-build", name)
        deadline = time.monotonic() + seconds
        while True:
            part = next((part for part in self.components(measure=False) if part.name == name), None)
            if part and part.health == "done":
                break
            if time.monotonic() > deadline or (part and part.state in ("exited", "dead")):
                raise self._failure(name)
            time.sleep(POLL_SECONDS)
        report(f"{name} has done its work")

    def run_once(self, name: str, arguments: list[str]) -> str:
        self.compose("build", "--quiet", name)
        program, *rest = arguments
        return self.compose("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", program, name, *rest)

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        arguments = ["logs", "--tail", str(lines), *(["--follow"] if follow else []), *services]
        with subprocess.Popen(
            self._command(*arguments),
            cwd=self.topology.root,
            env=self._environment(),
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                yield line.rstrip("\n")

    def compose(self, *arguments: str) -> str:
        """What `docker compose` prints for this project; StackError with its last lines when it fails."""
        result = docker_client.run(self._command(*arguments), cwd=self.topology.root, env=self._environment())
        if result.returncode:
            raise StackError(
                f"docker compose {arguments[0]} failed.",
                "Read its message above; `docker compose config` checks the file.",
                result.stderr.strip().splitlines()[-TAIL_LINES:],
            )
        return result.stdout

    def containers(self) -> list[dict]:
        """Every container of the project, ended ones too, as `docker compose ps` describes it."""
        text = self.compose("ps", "--all", "--format", "json").strip()
        try:
            # An array from some, a line for each container from others.
            return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
        except ValueError as error:
            raise StackError(
                "docker compose ps did not answer in JSON.",
                f"Docker Compose {docker_client.OLDEST_COMPOSE} or newer is needed: `docker compose version`.",
                text.splitlines()[:TAIL_LINES],
            ) from error

    def _command(self, *arguments: str) -> list[str]:
        # Project and files are stated: a COMPOSE_PROJECT_NAME of another project would be obeyed, `down --volumes` too.
        files = ["docker-compose.yml"]
        if (path := self.topology.root / START_INTERVAL).exists():
            # Written each time: it may name no service that docker-compose.yml has no more.
            checked = [name for name, service in self.topology.services.items() if service.healthcheck]
            faster = {name: {"healthcheck": {"start_interval": "1s"}} for name in checked}
            path.write_text(json.dumps({"services": faster}), encoding="utf-8")
            files.append(str(START_INTERVAL))
        profiles = sorted({profile for service in self.topology.services.values() for profile in service.profiles})
        return [
            *("docker", "compose", "--project-name", self.topology.project, "--project-directory", "."),
            *(word for name in files for word in ("--file", name)),
            *(word for name in profiles for word in ("--profile", name)),
            *arguments,
        ]

    def _environment(self) -> dict[str, str]:
        return for_docker(self.topology) | ({} if "grafana" in self.wanted else {"NO_GRAFANA": NO_GRAFANA})

    def _memory(self, names: list[str]) -> dict[str, int | None]:
        if not names:
            return {}
        result = docker_client.run(["docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *names])
        lines = [line.split() for line in result.stdout.splitlines()]
        return {words[0]: _bytes(words[1]) for words in lines if len(words) > 1}

    def _volumes(self) -> list[str]:
        label = f"label=com.docker.compose.project={self.topology.project}"
        return docker_client.run(["docker", "volume", "ls", "--quiet", "--filter", label]).stdout.split()

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
        containers = [c for c in self.containers() if name in (None, c["Service"])]
        ended = [c for c in containers if c["State"] in ("exited", "dead", "restarting") and c.get("ExitCode")]
        ill = [c for c in containers if c.get("Health") == "unhealthy"]
        starting = [c for c in containers if c.get("Health") == "starting"]
        bad = next(iter([*ended, *ill, *starting]), None)
        if bad is None:
            return StackError(
                f"docker compose up{f' {name}' if name else ''} failed before a container started.",
                "Its message is above. Without an image registry, use ENGINE=native.",
            )
        lines = self.compose("logs", "--tail", str(TAIL_LINES), "--no-log-prefix", bad["Service"]).splitlines()
        what = f"{bad['State']} (exit status {bad['ExitCode']})" if bad in ended else bad["Health"]
        return StackError(
            f"{bad['Service']} did not become healthy: it is {what}.",
            f"Its last lines are above; `docker compose logs {bad['Service']}` has all. "
            f"Correct the cause and run `make up` again.",
            lines,
        )


def unawaited(services: Mapping[str, Service]) -> list[str]:
    """What runs once without another of `services` that waits for its end, in the order in which to run it.

    `docker compose up --wait` takes the end of such a container for a failure (docker/compose#10596).
    """
    left = dict(services)
    found: list[str] = []
    while alone := [name for name, service in left.items() if service.runs_once and not _awaited(name, left)]:
        found[:0] = alone
        left = {name: service for name, service in left.items() if name not in alone}
    return found


def _awaited(name: str, services: Mapping[str, Service]) -> bool:
    return any(service.depends_on.get(name) == COMPLETED for service in services.values())


def _bytes(text: str) -> int | None:
    """`57.3MiB`, or podman's `57.3MB`, as a number; None for what is no size, as of a container that is ending."""
    units = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b", text.lower())
    return int(float(match[1]) * (1024 if match[3] else 1000) ** units[match[2]]) if match else None
