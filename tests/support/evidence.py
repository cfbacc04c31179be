"""Evidence of a test for the report: trace ids, queries, counts, times."""

from collections.abc import Callable
from typing import Any

__all__ = ["PREFIX", "Evidence", "recorder"]

PREFIX = "evidence."
Evidence = Callable[..., None]


def recorder(properties: list[tuple[str, object]]) -> Evidence:
    """Return a function that writes its keyword arguments to a test's properties, and so to the JUnit XML."""

    def record(**facts: Any) -> None:
        properties.extend((PREFIX + name, str(value)) for name, value in facts.items())

    return record
