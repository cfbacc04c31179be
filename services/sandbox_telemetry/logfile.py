"""A log file that several processes of one service can write at the same time, with rotation by size."""

import fcntl
import math
import os
import time
from contextlib import suppress
from pathlib import Path

# How long a process may keep writing to a file that another one has renamed. The collector reads that file, too.
_LOOK_SECONDS = 1.0


class LogFile:
    """`payments.jsonl` and its rotated files; `payments.jsonl.1` is the newest.

    Each line is one append, and the operating system keeps appends of several processes apart. The standard library's
    handler assumes a single process: with two, each renames the file that the other has just started.
    """

    def __init__(self, path: Path, limit: int, backups: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._limit, self._backups = path, limit, backups
        self._file = self._open()
        # Bytes and time until the file's state is checked again. A check with each line would double the cost of a
        # line.
        self._room, self._due = 0.0, 0.0

    def write(self, line: bytes) -> None:
        """Append a line. Raises OSError if there is no space."""
        self._room -= len(line)
        if self._room < 0 or time.monotonic() >= self._due:
            self._look(len(line))
        os.write(self._file, line)

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def _look(self, wanted: int) -> None:
        """Reopen a file that another process has renamed; rotate the file if `wanted` bytes do not fit."""
        if not self._is_current():
            self._reopen()
        if self._backups and os.fstat(self._file).st_size + wanted > self._limit:
            self._rotate()
        left = self._limit - os.fstat(self._file).st_size - wanted
        self._room = left if self._backups else math.inf
        self._due = time.monotonic() + _LOOK_SECONDS

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _reopen(self) -> None:
        os.close(self._file)
        self._file = self._open()

    def _rotate(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        # Do not wait for the lock: the process that holds it may be stopped. The file grows a little larger meanwhile.
        with suppress(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have rotated it first.
            if self._is_current():
                self._rename()
            self._reopen()
        os.close(folder)

    def _rename(self) -> None:
        for number in range(self._backups - 1, 0, -1):
            if (older := self._backup(number)).exists():
                os.replace(older, self._backup(number + 1))
        os.replace(self._path, self._backup(1))

    def _backup(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
