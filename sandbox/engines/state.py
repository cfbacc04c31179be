"""The state of a started stack in .run/state.json. `up` writes it, `down` deletes it."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.engines.engine import Component

__all__ = ["State", "read_state", "write_state"]


@dataclass(frozen=True)
class State:
    """The engine, the time when everything was healthy (RFC 3339), and version and identity of each component."""

    engine: str
    started_at: str
    without: list[str]
    components: dict[str, dict[str, str]]


def read_state(path: Path) -> State | None:
    """Return None if nothing was started or the file is unreadable."""
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_state(path: Path, engine: str, without: set[str], components: list[Component]) -> State:
    """Write the state of a running stack. The time of an earlier start is kept if the same engine is still running."""
    before = read_state(path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    state = State(
        engine,
        before.started_at if before and before.engine == engine else now,
        sorted(without),
        {part.name: {"version": part.version, "identity": part.identity} for part in components},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
    return state
