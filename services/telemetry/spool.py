"""A bounded folder of requests that the collector has not taken yet. It outlives the process."""

import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ABANDONED_SECONDS = 60.0


@dataclass(frozen=True)
class Parcel:
    """A request body on disk, how many bytes it has, and how many spans it holds."""

    path: Path
    size: int
    spans: int

    def read(self) -> bytes:
        return self.path.read_bytes()

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class Spool:
    """First in, first out; when `limit` bytes are exceeded, the oldest parcels are given up.

    Used by one thread at a time. Parcels of an earlier process are found at start.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._limit = folder, limit
        for unfinished in folder.glob("*.part"):
            # A younger one is perhaps just being written, by another instance of the service.
            with suppress(FileNotFoundError):
                if time.time() - unfinished.stat().st_mtime > _ABANDONED_SECONDS:
                    unfinished.unlink()
        self._parcels: list[Parcel] = []
        for path in sorted(folder.glob("*.otlp")):
            # A process that is just ending removes what it still sends.
            with suppress(FileNotFoundError):
                self._parcels.append(Parcel(path, path.stat().st_size, int(path.stem.partition("-")[2] or 0)))
        self._bytes = sum(parcel.size for parcel in self._parcels)

    def __len__(self) -> int:
        return len(self._parcels)

    def put(self, body: bytes, spans: int) -> tuple[Parcel, int]:
        """Keep the body; also returns how many older spans were given up for it. Raises OSError on a full disk."""
        path = self._folder / f"{time.time_ns():020d}-{spans}.otlp"
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(body)
        os.replace(unfinished, path)
        parcel = Parcel(path, len(body), spans)
        self._parcels.append(parcel)
        self._bytes += parcel.size
        lost = 0
        while self._bytes > self._limit and len(self._parcels) > 1:
            lost += self._parcels[0].spans
            self.done(self._parcels[0])
        return parcel, lost

    def oldest(self) -> Parcel | None:
        return self._parcels[0] if self._parcels else None

    def done(self, parcel: Parcel) -> None:
        """Forget the parcel, because it was delivered or given up."""
        self._bytes -= parcel.size
        parcel.remove()
        self._parcels.remove(parcel)
