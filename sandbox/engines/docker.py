"""The engine that runs docker-compose.yml with Docker Compose."""

import json
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
# Longer than the two minutes for which services/frontend/release.py waits for the tracker and its upload.
RUN_ONCE_SECONDS = 150
# At a first start, release.py also waits three minutes for the tracker to start.
FIRST_RUN_SECONDS = 330
POLL_SECONDS = 0.3
# From this API version on, health checks have a start_interval (default 5 s). Older ones reject the key.
START_INTERVAL_API = (1, 44)
INTERVALS = {"start_interval": "1s", "interval": "20s"}
START_INTERVAL = Path(".run") / "start-interval.json"
COMPLETED = "service_completed_successfully"
# docker-compose.yml passes it to Prometheus, so that alerts do not link to a Grafana that is not there.
NO_GRAFANA = "(this stack has no Grafana) "
# States in which a container holds its ports, or will bind them again.
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
        # Regardless of health: a container that is still starting, e.g. after a reboot, holds its ports too.
        running = {part.name for part in self.components(measure=False) if part.state in HOLDING}
        check_ports(service for name, service in self.wanted.items() if name not in running)
        self._choose_start_interval()
        # Containers that exited in an earlier start would be reported as failures of this one.
        self.compose("rm", "--force")
        report("docker compose up (pulls and builds what is not here yet)")
        alone = unawaited(self.wanted)
        rest = [name for name in self.wanted if name not in alone]
        # Otherwise run-once services among its dependencies would start too, and --wait would report their exit as a
        # failure.
        limit = ["--no-deps"] if alone else []
        try:
            if rest and self._follow("up", "--detach", "--build", "--wait", "--remove-orphans", *limit, *rest):
                raise self._failure()
            for name in alone:
                self.compose("build", "--quiet", name)
                self._run_to_its_end(name, report, FIRST_RUN_SECONDS)
        except StackError:
            if not running:
                # Stopped, not removed, so that `docker compose logs` and `docker inspect` still work.
                self.compose("stop")
            raise

    def _follow(self, *arguments: str) -> int:
        """Run a command with its output on the terminal; return its exit status.

        Raises StackError if PostgreSQL rejects a password meanwhile.
        """
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
        """Check the health each second during the start and rarely afterwards, if this engine supports it."""
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
        memory = docker_client.memory([c["Name"] for c in containers if c["State"] == "running"]) if measure else {}
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
        # A version that exits at start is restarted forever; without a limit, the wait would not end.
        limit = str(REPLACE_SECONDS)
        arguments = ["--detach", "--wait", "--wait-timeout", limit, "--no-deps", "--no-build", name]
        if docker_client.run(
            self._command("up", *arguments), cwd=self.topology.root, env=self._environment()
        ).returncode:
            raise self._failure(name)
        report(f"{name} is healthy")

    def _run_to_its_end(self, name: str, report: Report, seconds: float) -> None:
        """Run a run-once service, such as a release of a frontend part: `--wait` would report its exit as a failure."""
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
        """Return the output of `docker compose` for this project.

        Raises StackError with the last lines if it fails.
        """
        result = docker_client.run(self._command(*arguments), cwd=self.topology.root, env=self._environment())
        if result.returncode:
            raise StackError(
                f"docker compose {arguments[0]} failed.",
                "Read its message above; `docker compose config` checks the file.",
                result.stderr.strip().splitlines()[-TAIL_LINES:],
            )
        return result.stdout

    def containers(self) -> list[dict]:
        """Return every container of the project as `docker compose ps` describes it, exited ones included."""
        text = self.compose("ps", "--all", "--format", "json").strip()
        try:
            # Depending on the version, Compose prints an array or one object per line.
            return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
        except ValueError as error:
            raise StackError(
                "docker compose ps did not answer in JSON.",
                f"Docker Compose {docker_client.OLDEST_COMPOSE} or newer is needed: `docker compose version`.",
                text.splitlines()[:TAIL_LINES],
            ) from error

    def _command(self, *arguments: str) -> list[str]:
        # Project and files are explicit: otherwise a COMPOSE_PROJECT_NAME of another project would apply, even to `down
        # --volumes`, which deletes data.
        files = ["docker-compose.yml"]
        if (path := self.topology.root / START_INTERVAL).exists():
            # Written each time, because it must not name services that docker-compose.yml no longer has.
            checked = [name for name, service in self.topology.services.items() if service.healthcheck]
            changed = {name: {"healthcheck": INTERVALS} for name in checked}
            path.write_text(json.dumps({"services": changed}), encoding="utf-8")
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

    def _volumes(self) -> list[str]:
        label = f"label=com.docker.compose.project={self.topology.project}"
        return docker_client.run(["docker", "volume", "ls", "--quiet", "--filter", label]).stdout.split()

    def _component(self, container: dict, memory: int | None) -> Component:
        service = self.topology.services[container["Service"]]
        state = container["State"]
        health = container.get("Health") or "running"
        if state != "running":
            # Run-once services are never restarted. Any other exited container was stopped or has failed.
            done = state == "exited" and service.restart == "no" and not container.get("ExitCode")
            health = "done" if done else "down"
        return Component(
            service.name, self.name, service.version, state, health, container["Name"], memory, service.addresses
        )

    def _failure(self, name: str | None = None) -> StackError:
        """Return an error that names the cause of a failed `docker compose up`.

        `name` is set if only one component was started.
        """
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
    """Return the run-once services whose exit no other of `services` waits for, in start order.

    `docker compose up --wait` reports the exit of such a container as a failure (docker/compose#10596).
    """
    left = dict(services)
    found: list[str] = []
    while alone := [name for name, service in left.items() if service.runs_once and not _awaited(name, left)]:
        found[:0] = alone
        left = {name: service for name, service in left.items() if name not in alone}
    return found


def _awaited(name: str, services: Mapping[str, Service]) -> bool:
    return any(service.depends_on.get(name) == COMPLETED for service in services.values())
