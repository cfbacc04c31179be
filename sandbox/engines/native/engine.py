"""The engine that runs docker-compose.yml as processes of this machine, under process-compose."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping

from sandbox.engines import passwords
from sandbox.engines.engine import Component, Report
from sandbox.engines.native import health, images, leftovers
from sandbox.engines.native.forms import Selection, forms, select
from sandbox.engines.native.logs import follow_logs, rotate_logs, tail
from sandbox.engines.native.memory import own_memory, proportional_memory
from sandbox.engines.native.project import NativeForm, compose_project, process_of, write_project
from sandbox.engines.native.supervisor import ENDED, ProcessState, Supervisor
from sandbox.engines.preflight import check_disk, check_line_ends, check_ports
from sandbox.model.compose import Service, Topology
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout

__all__ = ["NativeEngine"]

POLL_SECONDS = 0.1
TAIL_LINES = 20
SUPERVISOR = "process-compose"
PATIENCE_SECONDS = 30
# Longer than the two minutes for which services/frontend/release.py waits for the tracker and its upload.
RUN_ONCE_SECONDS = 150


class NativeEngine:
    """Runs `services` of the topology natively."""

    name = "native"

    def __init__(self, topology: Topology, services: Mapping[str, Service]) -> None:
        self.topology = topology
        self.wanted = services
        self.layout = Layout(topology.root)
        self.supervisor = Supervisor(self.layout)

    @property
    def selection(self) -> Selection:
        return select(self.topology, self.wanted)

    def left_out(self) -> dict[str, str]:
        return {name: why for name, why in self.selection.left_out.items() if self.wanted[name].engine != "docker"}

    def up(self, report: Report) -> None:
        services = self.selection.services
        check_line_ends(self.topology.root, services.values())
        found, supervisor_program = forms(self.topology, services)
        self.layout.run.mkdir(parents=True, exist_ok=True)
        check_disk(self.layout.run)
        if self.supervisor.alive():
            self._update(services, found, report)
            return
        self._end_leftovers(report)
        check_ports(services.values(), exposed=True)
        self.layout.empty_scratch()
        rotate_logs(self.layout)
        write_project(compose_project(self.topology, services, found, self.layout), self.layout.project)
        try:
            process = self.supervisor.start(supervisor_program)
            self._wait_for_supervisor(process)
            self._wait(services, report)
        except BaseException:
            self.down(lambda _line: None)
            raise

    def down(self, report: Report) -> bool:
        ran = False
        if self.supervisor.alive():
            ran = True
            with contextlib.suppress(OSError):
                self.supervisor.stop()
        ran = self._end_leftovers(report) or ran
        self.layout.socket.unlink(missing_ok=True)
        self.layout.state.unlink(missing_ok=True)
        return ran

    def clean(self, report: Report) -> None:
        for folder, what in (
            (self.layout.data, "what the components stored"),
            (self.layout.temporary, "scratch files"),
            (self.layout.config, "rendered configuration"),
            (self.layout.logs, "logs"),
            (self.layout.previous_logs, "logs of the run before"),
        ):
            if folder.exists():
                size = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
                shutil.rmtree(folder)
                report(f"Removed {what}: {folder.relative_to(self.layout.root)} ({size / 2**20:.1f} MiB)")

    def components(self, measure: bool = True) -> list[Component]:
        states = self.supervisor.states() if self.supervisor.alive() else {}
        running = [state.pid for state in states.values() if state.status == "Running"]
        memory = proportional_memory(running) if measure else {}
        pages = health.pages(self.layout.project) if states else {}
        found = [
            self._component(self.topology.services[name], state, health.ready(state, pages), memory.get(state.pid))
            for name, state in states.items()
            if name in self.topology.services
        ]
        return [*found, *self._supervisor_itself()] if measure and states else found

    def _supervisor_itself(self) -> list[Component]:
        """The supervisor as a component, with its own memory only: its descendants are the other components."""
        version = images.load().program(SUPERVISOR).version
        return [
            Component(SUPERVISOR, self.name, version, "running", "running", str(process.pid), own_memory(process), [])
            for process in leftovers.find(self.layout.root)
            if process.name() == SUPERVISOR
        ]

    def stop(self, name: str) -> None:
        if self._state(name).status in ENDED:
            return
        self.supervisor.stop_process(name)
        deadline = time.monotonic() + self.wanted[name].stop_grace_period + PATIENCE_SECONDS
        # "Terminating" is the state of a process that still writes its last data, and of one that was never started.
        while (state := self._state(name)).status not in ENDED or leftovers.runs(state.pid):
            if time.monotonic() > deadline:
                raise StackError(f"{name} did not end.", "`make down` ends everything; then `make up`.")
            time.sleep(POLL_SECONDS)

    def kill(self, name: str) -> None:
        state = self._state(name)
        if state.status != "Running":
            raise StackError(f"{name} does not run.", f"`python -m sandbox start {name}` starts it.")
        with contextlib.suppress(ProcessLookupError):
            os.kill(state.pid, signal.SIGKILL)
        # Until the supervisor notices the end of the process, it reports the component as healthy.
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (now := self._state(name)).pid == state.pid and now.status == "Running" and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS / 4)

    def start(self, name: str, report: Report) -> None:
        state = self._state(name)
        if state.status in ENDED:
            self.supervisor.start_process(name)
        self._wait({name: self.selection.services[name]}, report, {name: self._state(name).restarts})

    def replace(self, name: str, report: Report) -> None:
        self._state(name)
        services = self.selection.services
        found, _ = forms(self.topology, {name: services[name]})
        project = json.loads(self.layout.project.read_text(encoding="utf-8"))
        project["processes"][name] = process_of(self.topology, services[name], services, found[name], self.layout)
        before = self._state(name)
        self.supervisor.load(project)
        if services[name].runs_once:
            self._wait_for_end(name, report)
            return
        if before.status in ENDED and self._state(name).status in ENDED:
            self.supervisor.start_process(name)
        self._wait({name: services[name]}, report, {name: self._state(name).restarts})

    def _wait_for_end(self, name: str, report: Report) -> None:
        """Wait until a run-once service has exited: while it runs, it is reported as ready."""
        began = time.monotonic()
        while (state := self._state(name)).status not in ENDED:
            if time.monotonic() - began > RUN_ONCE_SECONDS:
                log = self.layout.log(name)
                raise StackError(
                    f"{name} did not end within {RUN_ONCE_SECONDS} s.",
                    f"Read {log.relative_to(self.layout.root)}; its last lines are above.",
                    tail(log, TAIL_LINES),
                )
            time.sleep(POLL_SECONDS)
        if not state.ready:
            raise self._died(state)
        report(f"{name} has done its work after {time.monotonic() - began:.1f} s")

    def run_once(self, name: str, arguments: list[str]) -> str:
        services = self.selection.services
        found, _ = forms(self.topology, {name: services[name]})
        process = process_of(self.topology, services[name], services, found[name], self.layout)
        program, *rest = arguments
        done = subprocess.run(
            [found[name].executables.get(program, program), *rest],
            cwd=process["working_dir"],
            env=dict(entry.split("=", 1) for entry in process["environment"]),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StackError(
                f"{' '.join(arguments)} failed in {name} (exit status {done.returncode}).",
                "Its last lines are above.",
                done.stderr.strip().splitlines()[-TAIL_LINES:],
            )
        return done.stdout

    def _state(self, name: str) -> ProcessState:
        states = self.supervisor.states()
        if name not in states:
            why = self.left_out().get(name, "it was left out")
            raise StackError(f"{name} is not part of the stack that runs: {why}.", "`make status` lists what is.")
        return states[name]

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        return follow_logs(self.layout, services or list(self.selection.services), lines, follow)

    def _update(self, services: Mapping[str, Service], found: Mapping[str, NativeForm], report: Report) -> None:
        """Update a running stack. Only what changed or has exited is restarted."""
        running = {name for name, state in self.supervisor.states().items() if state.status == "Running"}
        check_ports((service for name, service in services.items() if name not in running), exposed=True)
        changed = self.supervisor.load(compose_project(self.topology, services, found, self.layout))
        for name, what in sorted(changed.items()):
            report(f"{name}: {what}")
        for name, state in self.supervisor.states().items():
            # Without a health check, a component that exited with status 0 is "ready"; only a run-once one is done.
            done = state.ready and (name not in services or services[name].runs_once)
            if name not in changed and state.status in ("Completed", "Error", "Skipped") and not done:
                report(f"{name}: started again")
                self.supervisor.start_process(name)
        self._wait(services, report, {name: state.restarts for name, state in self.supervisor.states().items()})

    def _end_leftovers(self, report: Report) -> bool:
        found = leftovers.find(self.layout.root)
        if found:
            report(f"Ending {len(found)} processes that an interrupted run left behind")
            leftovers.end(found)
        return bool(found)

    def _wait_for_supervisor(self, process_id: int) -> None:
        deadline = time.monotonic() + 15
        while not self.supervisor.alive():
            if time.monotonic() > deadline or not leftovers.runs(process_id):
                raise StackError(
                    "process-compose, which supervises the stack, did not start.",
                    f"Its output is in {self.layout.logs}/process-compose.log.",
                    tail(self.layout.logs / "process-compose.log", TAIL_LINES),
                )
            time.sleep(POLL_SECONDS / 4)

    def _wait(self, services: Mapping[str, Service], report: Report, restarts: Mapping[str, int] | None = None) -> None:
        """Wait until every process is ready.

        Raises StackError as soon as one exits or the patience of the slowest is exceeded.
        """
        patience = max(health.patience(service, services) for service in services.values())
        began, pages = time.monotonic(), health.pages(self.layout.project)
        ready: set[str] = set()
        while not ready >= set(services):
            states = self.supervisor.states()
            failed = [
                state
                for name, state in states.items()
                if name in services and state.failed((restarts or {}).get(name, 0))
            ]
            if failed:
                # A skipped process only depended on a failed one.
                raise self._died(min(failed, key=lambda state: state.status == "Skipped"))
            for name in sorted((set(services) - ready) & states.keys()):
                if not health.ready(states[name], pages):
                    continue
                ready.add(name)
                report(f"{name} ready after {time.monotonic() - began:.1f} s")
            if time.monotonic() - began > patience:
                passwords.accepted(self.topology)
                late = sorted(set(services) - ready)
                raise StackError(
                    f"{', '.join(late)} did not become healthy within {patience:.0f} s.",
                    f"Read .run/logs/{late[0]}.log; its last lines are above.",
                    tail(self.layout.log(late[0]), TAIL_LINES),
                )
            time.sleep(POLL_SECONDS)
        # The services have shown that their passwords work. No service uses the owner's, so check it here.
        if passwords.owner_changed(self.topology):
            passwords.accepted(self.topology)

    def _died(self, state: ProcessState) -> StackError:
        # The likeliest cause, which the service's own log does not show.
        passwords.accepted(self.topology)
        log = self.layout.log(state.name)
        return StackError(
            f"{state.name} ended at its start (exit status {state.exit_code}).",
            f"Its last lines are above; all of them are in {log.relative_to(self.layout.root)}. "
            f"Correct the cause and run `make up` again.",
            tail(log, TAIL_LINES) or ["(it wrote nothing)"],
        )

    def _component(self, service: Service, state: ProcessState, ready: bool, memory: int | None) -> Component:
        return Component(
            service.name,
            self.name,
            service.version,
            state.status.lower(),
            health.condition(state, ready),
            str(state.pid or "-"),
            memory,
            service.addresses,
        )
