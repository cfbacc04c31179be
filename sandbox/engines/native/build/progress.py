"""Shows the progress of a build: bars on a terminal, otherwise a line every few seconds; finally a table."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

__all__ = ["Made", "Progress", "Step"]

PLAIN_EVERY = 10.0
BAR = 24


@dataclass
class Made:
    """One built item: wall-clock and CPU seconds, compiled packages out of all its packages."""

    name: str
    seconds: float
    cpu: float = 0.0
    compiled: int = 0
    packages: int = 0


@dataclass
class Step:
    """One item under construction. Its worker calls begin, pause and end, and counts packages in `done` of `total`."""

    name: str
    expected: float
    state: str = "waiting"
    done: int = 0
    total: int = 0
    row: Made | None = None
    _active_since: float | None = None
    _worked: float = 0.0

    @property
    def seconds(self) -> float:
        """Working time so far, without waiting."""
        return self._worked + (time.monotonic() - self._active_since if self._active_since else 0.0)

    @property
    def active(self) -> bool:
        return self._active_since is not None

    @property
    def share(self) -> float:
        """Completed share, 0 to 1: by packages or by the expected time, whichever gives more; 1 only at the end."""
        if self.row:
            return 1.0
        counted = self.done / self.total if self.total else 0.0
        return min(0.99, max(counted, self.seconds / self.expected))

    def begin(self, state: str) -> None:
        self.state, self._active_since = state, time.monotonic()

    def pause(self, state: str) -> None:
        self._worked, self._active_since, self.state = self.seconds, None, state

    def end(self, row: Made) -> None:
        self.pause("done")
        self.row = row

    def __str__(self) -> str:
        if self.row:
            return f"done in {self.seconds:.0f} s"
        if not self.active:
            return self.state
        counted = f" {self.done} of {self.total} packages," if self.done else ""
        return f"{self.state},{counted} {self.seconds:.0f} s of about {self.expected:.0f} s"


@dataclass
class Progress:
    """Context manager around the build. Thread-safe, because only one worker writes to each step."""

    steps: Sequence[Step]
    console: Console = field(default_factory=lambda: Console(stderr=True))
    _begun: float = field(default_factory=time.monotonic)
    _told: set[str] = field(default_factory=set)

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._begun

    @contextmanager
    def shown(self) -> Iterator[None]:
        self._begun = time.monotonic()
        if self.console.is_terminal:
            with Live(get_renderable=self._table, console=self.console, refresh_per_second=4):
                yield
            return
        over = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(over,), daemon=True)
        ticker.start()
        try:
            yield
        finally:
            over.set()
            ticker.join()
            self._tell()

    def summary(self) -> Table:
        """Return a table with the cost of each step in the given order and the total wall-clock time."""
        table = Table(title=f"Built in {self.elapsed:.0f} s", title_justify="left")
        for heading in ("program", "seconds", "CPU seconds", "packages compiled"):
            table.add_column(heading, justify="left" if heading == "program" else "right")
        for step in self.steps:
            if row := step.row:
                compiled = f"{row.compiled} of {row.packages}" if row.packages else ""
                table.add_row(row.name, f"{row.seconds:.0f}", f"{row.cpu:.0f}", compiled)
        return table

    def _heading(self) -> str:
        return f"{sum(1 for step in self.steps if step.row)} of {len(self.steps)} made, {self.elapsed:.0f} s"

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for step in self.steps:
            full = round(step.share * BAR)
            colour = "green" if step.row else "cyan" if step.active else "dim"
            table.add_row(step.name, f"[{colour}]{'━' * full}[/][dim]{'─' * (BAR - full)}[/]", f"[{colour}]{step}[/]")
        table.add_row("", "", f"[bold]{self._heading()}[/]")
        return table

    def _tick(self, over: threading.Event) -> None:
        while not over.wait(PLAIN_EVERY):
            self._tell()
            active = "; ".join(f"{step.name} {step}" for step in self.steps if step.active)
            self.console.print(f"  {self._heading()}: {active}", highlight=False, soft_wrap=True)

    def _tell(self) -> None:
        for step in self.steps:
            if step.row and step.name not in self._told:
                self._told.add(step.name)
                self.console.print(f"  {step.name} {step}", highlight=False, soft_wrap=True)
