"""Password hashes: argon2id, outside the event loop, with bounded memory and a bounded queue."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

__all__ = ["Passwords", "TooBusy"]


T = TypeVar("T")


class TooBusy(Exception):
    """The queue of passwords to hash is full."""


class Passwords:
    """Hashes and checks passwords, `threads` at a time. Raises TooBusy when `queue` more are already waiting."""

    def __init__(self, *, rounds: int, memory_kib: int, threads: int, queue: int) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._most = threads + queue
        self._pending = 0
        # Compared with the password when the account does not exist: the same work takes the same time.
        self._nobody = self._hasher.hash("correct horse battery staple")

    @property
    def busy(self) -> bool:
        """Return whether the next password would be rejected."""
        return self._pending >= self._most

    async def hash(self, password: str) -> str:
        """Return the encoded hash, parameters and salt included."""
        return await self._run(self._hasher.hash, _normal(password))

    async def matches(self, encoded: str | None, password: str) -> bool:
        """Return whether the password matches the hash. Without a hash: False, after the same time."""
        right = await self._run(self._verify, encoded or self._nobody, _normal(password))
        return right and encoded is not None

    def outdated(self, encoded: str) -> bool:
        """Return whether the hash was created with other parameters than the current ones."""
        return self._hasher.check_needs_rehash(encoded)

    def close(self) -> None:
        """Shut the thread pool down; queued work is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, encoded: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        if self.busy:
            raise TooBusy
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._pending -= 1


def _normal(password: str) -> bytes:
    # The same password, typed on two keyboards, can arrive in two Unicode forms.
    return unicodedata.normalize("NFKC", password).encode()
