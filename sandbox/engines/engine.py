"""The interface that both engines implement."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Component", "Engine", "Report"]

# Called with one line of progress for the user.
Report = Callable[[str], None]


@dataclass(frozen=True)
class Component:
    """One component of the stack. `identity` is a process id or a container name; `memory` is in bytes, or None."""

    name: str
    engine: str
    version: str
    state: str
    health: str
    identity: str
    memory: int | None
    addresses: list[str]

    @property
    def ok(self) -> bool:
        """Whether it is running and healthy, or exited as intended."""
        return self.health in ("healthy", "running", "done")


class Engine(Protocol):
    """Runs the stack. Every method raises StackError, with the next step, if it fails."""

    name: str

    def up(self, report: Report) -> None:
        """Start what is not running and wait until all is healthy. On failure, stop everything again."""

    def down(self, report: Report) -> bool:
        """Stop everything and keep its data. Return False if nothing was running."""

    def clean(self, report: Report) -> None:
        """Delete the data of a stopped stack; `report` receives each removed item."""

    def stop(self, name: str) -> None:
        """Stop one component and return when it has exited. It stays stopped; its data is kept."""

    def kill(self, name: str) -> None:
        """Kill one component, as a crash would. Its restart policy decides whether it starts again."""

    def start(self, name: str, report: Report) -> None:
        """Start one component that was stopped or killed; return when it is healthy."""

    def replace(self, name: str, report: Report) -> None:
        """Replace the running component by one that matches the topology; return when it is healthy."""

    def run_once(self, name: str, arguments: list[str]) -> str:
        """Run a program with a component's code, environment and network, next to the running one.

        Returns its output.
        """

    def components(self, measure: bool = True) -> list[Component]:
        """Return every component of the stack; empty if it is down. Measuring memory takes a third of a second."""

    def left_out(self) -> dict[str, str]:
        """Return the services that this engine does not run, each with the reason."""

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        """Yield the last `lines` log lines of each service; with `follow`, also new ones as they arrive."""
