"""Puts aside the files in the folder given as the only argument that the collector could not open, and says which.

The collector keeps each queue, and how far it has read the log files, in a bbolt database. One that is cut off or is no
such database ends it at every start. (A page that is damaged within a sound file it puts aside itself: `recreate`.)
"""

import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# The head of a page, then: magic, version, page size, flags, root, sequence, free list, pages, transaction; checksum.
_META = struct.Struct("<16xIIIIQQQQQQ")
_MAGIC, _VERSION = 0xED0CDAED, 2
_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
_ASIDE = (".damaged", ".backup")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: collector_files.py FOLDER")
    for path in sorted(Path(sys.argv[1]).glob("*_*")):
        if path.suffix not in _ASIDE and (fault := fault_of(path)):
            moved = path.with_name(f"{path.name}.{time.strftime('%Y%m%dT%H%M%S')}.damaged")
            path.rename(moved)
            sys.stderr.write(f"{path.name} {fault}: now {moved.name}. {_price(path.name)}\n")


def fault_of(path: Path) -> str:
    """What keeps bbolt from opening the file; empty when nothing does. An empty file is a new database."""
    size = path.stat().st_size
    if size == 0:
        return ""
    with path.open("rb") as file:
        metas = sorted(_metas(file.read(_PAGE_SIZES[-1] + _META.size)))
    if not metas:
        return "is no database of the collector"
    _, pages, page_size = metas[-1]
    return "is cut off" if size < pages * page_size else ""


def _metas(head: bytes) -> Iterator[tuple[int, int, int]]:
    """(transaction, pages, page size) of each of the two descriptions at the file's beginning that is sound."""
    for offset in (0, *_PAGE_SIZES):
        if len(head) < offset + _META.size:
            return
        magic, version, page_size, *_, pages, transaction, checksum = _META.unpack_from(head, offset)
        written = head[offset + 16 : offset + _META.size - 8]
        if (magic, version, checksum) == (_MAGIC, _VERSION, _fnv(written)):
            yield transaction, pages, page_size


def _fnv(data: bytes) -> int:
    """FNV-1a of 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def _price(name: str) -> str:
    if name.startswith("receiver_"):
        return "Log files are read again from their beginning, so lines may be stored twice."
    return "What waited in this queue is lost; nothing else is."


if __name__ == "__main__":
    main()
