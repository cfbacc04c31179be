"""What `up` writes down about the stack it started, in .run/state.json; `down` deletes it."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.engines.engine import Component

__all__ = ["State", "read_state", "write_state"]


@dataclass(frozen=True)
class State:
    """The engine, the moment everything was healthy (RFC 3339), and per component its version and identity."""

    engine: str
    started_at: str
    without: list[str]
    components: dict[str, dict[str, str]]


def read_state(path: Path) -> State | None:
    """None when nothing was started, or the file is not to be read."""
    try:
        return State(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_state(path: Path, engine: str, without: set[str], components: list[Component]) -> State:
    """Write the state of a stack that is up; an earlier start's moment is kept while the same engine runs on."""
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
