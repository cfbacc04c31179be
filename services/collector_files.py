"""Moves aside the files in a folder (the only argument) that the collector cannot open, and reports each.

The collector keeps each queue, and its offsets in the log files, in a bbolt database. A database that is truncated, is
not bbolt's or has a damaged page makes the collector exit at every start, even with `recreate`: bbolt reads all pages
in a thread of its own. Offsets that another version of the collector wrote in another format have the same effect.

Exits with status 1 and a message if the disk has too little space: the collector would start, but lose the batches that
it was sending at its last stop, because it writes them again.
"""

import json
import mmap
import shutil
import struct
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

# After the page header: magic, version, page size, flags, root, sequence, free list, pages, transaction; checksum.
_META = struct.Struct("<16xIIIIQQQQQQ")
_MAGIC, _VERSION = 0xED0CDAED, 2
_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
# Page header: number, kind, elements, overflow pages. The two kinds are branch and leaf.
_HEAD, _BRANCH, _LEAF = struct.Struct("<QHHI"), 1, 2
_BRANCH_ELEMENT, _LEAF_ELEMENT, _BUCKET = struct.Struct("<IIQ"), struct.Struct("<IIII"), struct.Struct("<Q")
# Header of a bucket that is stored inside a value: its root page, which is 0, and a sequence number.
_BUCKET_SIZE = 16
_ASIDE = (".damaged", ".backup")
# Four batches of 4 MiB that were being sent, each written once more.
_ROOM = 32 * 2**20
# Suffix of the key of the log files' offsets.
_OFFSETS = b"knownFiles"
# A page, its least allowed key, and the upper bound of its keys (exclusive).
_Way = tuple[int, bytes, bytes | None]
_Pair = tuple[bytes, memoryview]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: collector_files.py FOLDER")
    folder = Path(sys.argv[1])
    files = sorted(folder.glob("*_*"))
    if files and (free := shutil.disk_usage(folder).free) < _ROOM:
        sys.exit(
            f"The disk of {folder} has {free // 2**20} MiB left, and the collector needs {_ROOM // 2**20} to start "
            "without losing what it was sending. Make room, then start it again; until then nothing is lost."
        )
    for path in files:
        if path.suffix not in _ASIDE and (fault := fault_of(path)):
            moved = path.with_name(f"{path.name}.{time.strftime('%Y%m%dT%H%M%S')}.damaged")
            path.rename(moved)
            sys.stderr.write(f"{path.name} {fault}: now {moved.name}. {_price(path.name)}\n")


def fault_of(path: Path) -> str:
    """Return why the collector cannot use the file; empty if it can. An empty file is a new database."""
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
            pairs = _walk(data, root, pages, page_size)
            offsets = [bytes(value) for key, value in pairs if key.endswith(_OFFSETS)]
        except (ValueError, struct.error):
            return "has a damaged page"
    return "" if all(map(_readable, offsets)) else "is of another version"


def _readable(offsets: bytes) -> bool:
    """Return whether the collector can parse the offsets: protobuf, or JSON lines (their number, then the objects)."""
    try:
        for content in _fields(offsets):
            list(_fields(content))
        return True
    except (ValueError, IndexError):
        pass
    try:
        number, *files = [json.loads(line) for line in offsets.splitlines()]
        return number >= 0 and all(isinstance(files[each].get("Offset", 0), int) for each in range(number))
    except (ValueError, TypeError, IndexError, AttributeError):
        return False


def _fields(message: bytes) -> Iterator[bytes]:
    """Yield the length-delimited fields of a protobuf message. Raises ValueError or IndexError if it is invalid."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                size, at = 0, _varint(message, at)[1]
            case 1:
                size = 8
            case 2:
                size, at = _varint(message, at)
                yield message[at : at + size]
            case 5:
                size = 4
            case _:
                raise ValueError(tag)
        at += size
        if tag < 8 or at > len(message):
            raise ValueError(at)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """Return (number, offset after it)."""
    number = shift = 0
    while True:
        number |= (message[at] & 0x7F) << shift
        if message[at] < 0x80:
            return number, at + 1
        at, shift = at + 1, shift + 7


def _walk(data: mmap.mmap, root: int, pages: int, page_size: int) -> Iterator[_Pair]:
    """Yield the pairs of all pages below the root. Raises ValueError or struct.error at the first invalid one."""
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
        keys = [key for key, _, _ in elements]
        if any(one >= two for one, two in pairwise([*keys, *([limit] if limit is not None else [])])):
            raise ValueError(number)
        if keys and keys[0] < least:
            raise ValueError(number)
        if kind == _BRANCH:
            bounds = zip(elements, pairwise([*keys, limit]), strict=True)
            waiting += [(page or 0, first, end) for (_, page, _), (first, end) in bounds if first is not None]
        else:
            waiting += [(page, b"", None) for _, page, _ in elements if page]
            for key, page, value in elements:
                yield from [(key, value)] if page == 0 else _within(value) if page is None else ()


def _within(bucket: memoryview) -> Iterator[_Pair]:
    """Yield the pairs of a small bucket, which is stored inside a pair's value."""
    content = bytes(bucket[_BUCKET_SIZE:])
    _, kind, count, _ = _HEAD.unpack_from(content)
    yield from ((key, value) for key, _, value in _elements(content, kind, count))


def _elements(content: bytes, kind: int, count: int) -> Iterator[tuple[bytes, int | None, memoryview]]:
    """Yield (key, child page, value) of each element: page 0 for a value, None for a bucket inside the value."""
    for at in range(_HEAD.size, _HEAD.size + 16 * count, 16):
        if kind == _BRANCH:
            position, size, page = _BRANCH_ELEMENT.unpack_from(content, at)
            start, value = at + position, 0
        else:
            flags, position, size, value = _LEAF_ELEMENT.unpack_from(content, at)
            start = at + position
            page = (_BUCKET.unpack_from(content, start + size)[0] or None) if flags & 1 else 0
        if start + size + value > len(content):
            raise ValueError(at)
        yield content[start : start + size], page, memoryview(content)[start + size : start + size + value]


def _metas(data: mmap.mmap) -> Iterator[tuple[int, int, int, int]]:
    """Yield (transaction, pages, page size, root) of each valid one of the file's two meta pages."""
    for offset in (0, *_PAGE_SIZES):
        if len(data) < offset + _META.size:
            return
        magic, version, page_size, _, root, _, _, pages, transaction, checksum = _META.unpack_from(data, offset)
        written = data[offset + 16 : offset + _META.size - 8]
        if (magic, version, checksum) == (_MAGIC, _VERSION, _fnv(written)):
            yield transaction, pages, page_size, root


def _fnv(data: bytes) -> int:
    """Return the 64-bit FNV-1a hash."""
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
