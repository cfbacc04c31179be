"""A file of lines that several processes of one service may write at the same time, rotated by size."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path


class LogFile:
    """`payments.jsonl`, and what it was renamed to: `payments.jsonl.1` is the youngest.

    Each line is one write at the end of the file, and the system keeps those of several processes apart. The standard
    library's handler assumes that it is alone: two of them rename a file that the other one has just begun.
    """

    def __init__(self, path: Path, limit: int, backups: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._limit, self._backups = path, limit, backups
        self._file = self._open()

    def write(self, line: bytes) -> None:
        """Append a line. Raises OSError when there is no room."""
        if self._backups and self._size() + len(line) > self._limit:
            self._rotate()
        os.write(self._file, line)

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def _size(self) -> int:
        """Of the file that has the name; opened anew when another process has renamed the one that was open."""
        with suppress(FileNotFoundError):
            current = os.stat(self._path)
            if os.path.samestat(current, os.fstat(self._file)):
                return current.st_size
        self._reopen()
        return os.fstat(self._file).st_size

    def _reopen(self) -> None:
        os.close(self._file)
        self._file = self._open()

    def _rotate(self) -> None:
        folder = os.open(self._path.parent, os.O_RDONLY)
        # Not waiting, because the other process may have been stopped; the file gets a little larger meanwhile.
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have been faster.
            if os.path.samestat(os.stat(self._path), os.fstat(self._file)):
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
