"""Puts aside the files in the folder given as the only argument that the collector could not open, and says which.

The collector keeps each queue, and how far it has read the log files, in a bbolt database. One that is cut off, is no
such database or has a damaged page ends it at every start, also with `recreate`: bbolt looks at all pages, and in a
thread of its own.
"""

import mmap
import struct
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

# After the head of a page: magic, version, page size, flags, root, sequence, free list, pages, transaction; checksum.
_META = struct.Struct("<16xIIIIQQQQQQ")
_MAGIC, _VERSION = 0xED0CDAED, 2
_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
# Number, kind, elements, further pages; kinds are branch and leaf.
_HEAD, _BRANCH, _LEAF = struct.Struct("<QHHI"), 1, 2
_BRANCH_ELEMENT, _LEAF_ELEMENT, _BUCKET = struct.Struct("<IIQ"), struct.Struct("<IIII"), struct.Struct("<Q")
_ASIDE = (".damaged", ".backup")
# A page, the least key that it may have, and the key that all of its keys are below.
_Way = tuple[int, bytes, bytes | None]


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
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        metas = sorted(_metas(data))
        if not metas:
            return "is no database of the collector"
        _, pages, page_size, root = metas[-1]
        if size < pages * page_size:
            return "is cut off"
        try:
            _walk(data, root, pages, page_size)
        except (ValueError, struct.error):
            return "has a damaged page"
    return ""


def _walk(data: mmap.mmap, root: int, pages: int, page_size: int) -> None:
    """Look at every page that the root leads to. Raises ValueError or struct.error at the first that is wrong."""
    waiting: list[_Way] = [(root, b"", None)]
    seen = set[int]()
    while waiting:
        number, least, limit = waiting.pop()
        identity, kind, count, further = _HEAD.unpack_from(data, number * page_size)
        own = range(number, number + 1 + further)
        if not 1 < number < own.stop <= pages or identity != number or kind not in (_BRANCH, _LEAF) or seen & {*own}:
            raise ValueError(number)
        seen.update(own)
        content = data[number * page_size : own.stop * page_size]
        elements = list(_elements(content, kind, count))
        keys = [key for key, _ in elements]
        if any(one >= two for one, two in pairwise([*keys, *([limit] if limit is not None else [])])):
            raise ValueError(number)
        if keys and keys[0] < least:
            raise ValueError(number)
        if kind == _BRANCH:
            waiting += [(page, *keys) for (_, page), keys in zip(elements, pairwise([*keys, limit]), strict=True)]
        else:
            waiting += [(page, b"", None) for _, page in elements if page]


def _elements(content: bytes, kind: int, count: int) -> Iterator[tuple[bytes, int]]:
    """(key, page that it leads to, or 0) of each; a bucket within a leaf leads to none when it lies within, too."""
    for at in range(_HEAD.size, _HEAD.size + 16 * count, 16):
        if kind == _BRANCH:
            position, size, page = _BRANCH_ELEMENT.unpack_from(content, at)
            start, value = at + position, 0
        else:
            flags, position, size, value = _LEAF_ELEMENT.unpack_from(content, at)
            start = at + position
            page = _BUCKET.unpack_from(content, start + size)[0] if flags & 1 else 0
        if start + size + value > len(content):
            raise ValueError(at)
        yield content[start : start + size], page


def _metas(data: mmap.mmap) -> Iterator[tuple[int, int, int, int]]:
    """(transaction, pages, page size, root) of each of the two descriptions at the file's beginning that is sound."""
    for offset in (0, *_PAGE_SIZES):
        if len(data) < offset + _META.size:
            return
        magic, version, page_size, _, root, _, _, pages, transaction, checksum = _META.unpack_from(data, offset)
        written = data[offset + 16 : offset + _META.size - 8]
        if (magic, version, checksum) == (_MAGIC, _VERSION, _fnv(written)):
            yield transaction, pages, page_size, root


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
