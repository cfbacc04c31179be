"""Reads lines that a person types, with a deadline."""

import os
import select
import time

__all__ = ["Keyboard"]

PIECE = 4096


class Keyboard:
    """Reads a file descriptor, such as that of the terminal, without buffering: a buffered file would block."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def line(self, until: float) -> str | None:
        """Return the next line; None at the end of the input, or when `time.monotonic()` reaches `until`."""
        while b"\n" not in self._rest:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._descriptor], [], [], left)[0]:
                return None
            piece = os.read(self._descriptor, PIECE)
            if not piece:
                last, self._rest = self._rest, b""
                return last.decode(errors="replace") or None
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")
