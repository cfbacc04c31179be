"""Accepts OTLP requests and discards them: a collector at almost no cost. Prints its address at start."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.model import ROOT

__all__ = ["running"]


@contextmanager
def running() -> Iterator[str]:
    """Run a sink in its own process until the block ends; yields its address as a URL."""
    command = [sys.executable, "-m", "loadtest.sink"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class Sink(asyncio.Protocol):
    """Responds with 200 to each request that has a Content-Length, as OTLP exporters send it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._pending = transport, b""

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while b"\r\n\r\n" in self._pending:
            head, _, rest = self._pending.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0] or 0)
            if len(rest) < length:
                return
            self._pending = rest[length:]
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
