"""Forwards ports of this machine's 127.0.0.1 to services in the node: `python -m ...forward 8000=gateway:8000 ...`.

It runs among the node's processes, so that it ends with them, but starts in the machine's network. Sockets stay in the
network in which they were made; the connections that it opens later are in the node's.
"""

import asyncio
import contextlib
import ctypes
import os
import socket
import sys
from pathlib import Path

__all__ = ["PID_FILE", "main"]

PID_FILE = "/run/forward.pid"
NETWORK = "/proc/1/ns/net"
CHUNK_BYTES = 1 << 16
# Connections that wait until they are accepted: a load test opens hundreds at once.
BACKLOG = 1024


def main(arguments: list[str]) -> None:
    """Listen, enter the node's network, and forward until the process is killed."""
    listeners = []
    for argument in arguments:
        port, _, target = argument.partition("=")
        name, _, number = target.rpartition(":")
        listeners.append((socket.create_server(("127.0.0.1", int(port)), backlog=BACKLOG), name, int(number)))
    descriptor = os.open(NETWORK, os.O_RDONLY)
    # os.setns exists from Python 3.12 on.
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0):
        raise OSError(ctypes.get_errno(), f"cannot enter {NETWORK}")
    Path(PID_FILE).write_text(str(os.getpid()), encoding="ascii")
    asyncio.run(_serve(listeners))


async def _serve(listeners: list[tuple[socket.socket, str, int]]) -> None:
    await asyncio.gather(*(_listen(*listener) for listener in listeners))


async def _listen(listener: socket.socket, name: str, port: int) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there_reader, there_writer = await asyncio.open_connection(name, port)
            await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
            there_writer.close()
        writer.close()

    server = await asyncio.start_server(connected, sock=listener)
    await server.serve_forever()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the sender ends its direction, and end it for the receiver, too."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


if __name__ == "__main__":
    main(sys.argv[1:])
