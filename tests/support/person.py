"""A simulated person in a drill, who reacts to its output."""

import os
import re
from collections.abc import Callable

from sandbox.incidents.keyboard import Keyboard

__all__ = ["Person"]

Reaction = str | Callable[[], str]


class Person:
    """Types a line when the drill's output matches a pattern; use it with ``with``.

    `reactions` are pairs of a pattern and the line to type, with `\\1` for a group of the pattern. Instead of the line,
    a function can do something first and return the line.
    """

    def __init__(self, *reactions: tuple[str, Reaction]) -> None:
        self.said: list[str] = []
        self._reactions = reactions
        self._read, self._write = os.pipe()
        self.keyboard = Keyboard(self._read)

    def __enter__(self) -> "Person":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._read)
        os.close(self._write)

    def hears(self, text: str) -> None:
        """Receive output of the drill; pass this method as its `report`."""
        self.said.append(text)
        for pattern, reaction in self._reactions:
            if found := re.search(pattern, text):
                line = reaction if isinstance(reaction, str) else reaction()
                os.write(self._write, f"{found.expand(line)}\n".encode())
