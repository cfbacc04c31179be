"""A server that is starting or stopping counts as an unavailable database, not as a bug of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kit.database import Database, DatabaseUnavailable

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter

_SSL_REQUEST_BYTES = 8


def _refusal(state: str, text: str) -> bytes:
    """Return PostgreSQL's ErrorResponse."""
    fields = b"".join(kind + value.encode() + b"\0" for kind, value in ((b"S", "FATAL"), (b"C", state), (b"M", text)))
    return b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"


async def _hang_up(_: Reader, writer: Writer) -> None:
    writer.close()


async def _hang_up_in_the_middle(reader: Reader, writer: Writer) -> None:
    await reader.readexactly(_SSL_REQUEST_BYTES)
    writer.write(b"N")
    await reader.read(1)
    writer.close()


async def _still_starting(reader: Reader, writer: Writer) -> None:
    await reader.readexactly(_SSL_REQUEST_BYTES)
    writer.write(b"N")
    await reader.read(1)
    writer.write(_refusal("57P03", "the database system is starting up"))
    writer.close()


@pytest.mark.parametrize("behaviour", [_hang_up, _hang_up_in_the_middle, _still_starting])
def test_server_that_is_half_there_counts_as_unavailable(behaviour: Callable[[Reader, Writer], Awaitable]) -> None:
    async def ask() -> None:
        async with await asyncio.start_server(behaviour, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            database = Database(f"postgresql://nobody@127.0.0.1:{port}/nothing", "test")
            try:
                await database.ping()
            finally:
                await database.close()

    with pytest.raises(DatabaseUnavailable):
        asyncio.run(ask())
