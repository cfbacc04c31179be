"""What both engines tell about a running stack, and what they can be asked to do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Component", "Engine", "Report"]

# Called with one line for the person who waits.
Report = Callable[[str], None]


@dataclass(frozen=True)
class Component:
    """One part of the stack. `identity` is a process id or a container's name; `memory` is in bytes, or unknown."""

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
        """Running and healthy, or ended as it should."""
        return self.health in ("healthy", "running", "done")


class Engine(Protocol):
    """Runs the stack. Every method raises StackError with the next step when it cannot do its work."""

    name: str

    def up(self, report: Report) -> None:
        """Start what does not run, wait until everything is healthy, stop everything again when that fails."""

    def down(self, report: Report) -> bool:
        """Stop everything and keep its data; False when nothing ran."""

    def clean(self, report: Report) -> None:
        """Delete the data of a stack that is down; `report` hears what was removed."""

    def stop(self, name: str) -> None:
        """Stop one component and leave it stopped; returns when it has ended. Its data stays."""

    def kill(self, name: str) -> None:
        """End one component at once, as a crash would; whether it is started again is its restart policy's choice."""

    def start(self, name: str, report: Report) -> None:
        """Start one component that was stopped or killed; returns when it is healthy."""

    def replace(self, name: str, report: Report) -> None:
        """Run one component as the topology now describes it, in place of the one that runs; returns when healthy."""

    def run_once(self, name: str, arguments: list[str]) -> str:
        """Run a program with a component's code, environment and network, beside what runs; returns what it wrote."""

    def components(self, measure: bool = True) -> list[Component]:
        """Every component of the stack, empty when it is down. Measuring its memory takes a third of a second."""

    def left_out(self) -> dict[str, str]:
        """The services that this engine does not run, each with the reason."""

    def logs(self, services: list[str], lines: int, follow: bool) -> Iterator[str]:
        """The last `lines` log lines of each service, then new ones as they come when `follow` is set."""
