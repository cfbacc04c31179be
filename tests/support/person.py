"""A person in a drill, who answers what is said."""

import os
import re
from collections.abc import Callable

from sandbox.incidents.keyboard import Keyboard

__all__ = ["Person"]

Reaction = str | Callable[[], str]


class Person:
    """`reactions` are a pattern of what the drill says, and the line that is typed then, with `\\1` for a group of the
    pattern; or a function that does something first and returns the line. Use it with ``with``."""

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
        """What the drill reports to."""
        self.said.append(text)
        for pattern, reaction in self._reactions:
            if found := re.search(pattern, text):
                line = reaction if isinstance(reaction, str) else reaction()
                os.write(self._write, f"{found.expand(line)}\n".encode())
