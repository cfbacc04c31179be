"""Files of the collector that it could not open are put aside, and no others."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.model import ROOT
from services.collector_files import _MAGIC, _VERSION, _fnv, fault_of, main

PAGE = 4096
QUEUE, OFFSETS = "exporter_otlp_http_loki_logs", "receiver_file_log_"


def description(transaction: int, pages: int) -> bytes:
    """One page as bbolt writes it at a database's beginning."""
    meta = struct.pack("<IIIIQQQQQ", _MAGIC, _VERSION, PAGE, 0, 3, 0, 2, pages, transaction)
    return (bytes(16) + meta + struct.pack("<Q", _fnv(meta))).ljust(PAGE, b"\0")


def page(number: int, kind: int, elements: bytes = b"", count: int = 0, further: int = 0) -> bytes:
    head = struct.pack("<QHHI", number, kind, count, further)
    return (head + elements).ljust(PAGE * (1 + further), b"\0")


def database(pages: int = 8) -> bytes:
    """The root (3) has a bucket, whose page (4) leads to two: one of two pages (5, 6) and one (7); page 2 is free."""
    bucket = struct.pack("<IIII7sQQ", 1, 16, 7, 16, b"default", 4, 0)
    branch = struct.pack("<IIQIIQ1s1s", 32, 1, 5, 17, 1, 7, b"a", b"b")
    leaf = struct.pack("<IIII1s5000s", 0, 16, 1, 5000, b"a", b"value")
    last = struct.pack("<IIII2s", 0, 16, 1, 1, b"bv")
    used = page(3, 2, bucket, 1) + page(4, 1, branch, 2) + page(5, 2, leaf, 1, further=1) + page(7, 2, last, 1)
    return description(6, pages) + description(7, pages) + bytes(PAGE) + used


def damaged(number: int) -> bytes:
    whole = database()
    return whole[: number * PAGE] + b"\xa5" * PAGE + whole[(number + 1) * PAGE :]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (database(), ""),
        (database() + b"room to grow", ""),
        (b"", ""),
        (database()[:-1], "is cut off"),
        (database()[: 3 * PAGE], "is cut off"),
        (database()[: PAGE // 2], "is cut off"),
        (database()[:40], "is no database of the collector"),
        (b"garbage" * 5000, "is no database of the collector"),
        # One description is enough: the other may have been half written when the machine stopped.
        (bytes(PAGE) + database()[PAGE:], ""),
        (database()[:PAGE] + bytes(PAGE) + database()[2 * PAGE :], ""),
        (bytes(2 * PAGE) + database()[2 * PAGE :], "is no database of the collector"),
        *[(damaged(number), "has a damaged page") for number in (3, 4, 5, 7)],
        # What is free may hold anything, and so may a value: the collector drops one that it cannot read.
        *[(damaged(number), "") for number in (2, 6)],
        # Keys out of their order, and two ways to one page.
        (database().replace(b"bv", b"Av"), "has a damaged page"),
        (database().replace(struct.pack("<IIQ", 17, 1, 7), struct.pack("<IIQ", 17, 1, 5)), "has a damaged page"),
    ],
)
def test_fault_is_what_would_keep_the_collector_from_starting(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / QUEUE
    path.write_bytes(content)
    assert fault_of(path) == fault


def offsets(value: bytes, within: bool) -> bytes:
    """A database with one pair, in a page of its own or, as bbolt does with a small bucket, within the root's."""
    pair = struct.pack("<IIII12s", 0, 16, 12, len(value), b"x.knownFiles") + value
    if within:
        inner = struct.pack("<QQ", 0, 0) + struct.pack("<QHHI", 0, 2, 1, 0) + pair
        bucket = struct.pack("<IIII7s", 1, 16, 7, len(inner), b"default") + inner
        return description(6, 4) + description(7, 4) + bytes(PAGE) + page(3, 2, bucket, 1)
    bucket = struct.pack("<IIII7sQQ", 1, 16, 7, 16, b"default", 4, 0)
    return description(6, 5) + description(7, 5) + bytes(PAGE) + page(3, 2, bucket, 1) + page(4, 2, pair, 1)


@pytest.mark.parametrize("within", [True, False])
@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b'1\n{"Fingerprint":{"first_bytes":"eA=="},"Offset":2}\n', ""),
        (b"0\n", ""),
        (b"\n\x04\x08\x02\x10\x01", ""),
        (b"", ""),
        (b"\n\x05\x08\x02\x10\x01", "is of another version"),
        (b"\n\x02\x08\xff", "is of another version"),
        (b"\x0f\x04", "is of another version"),
        (b'2\n{"Offset":2}\n', "is of another version"),
        (b'1\n{"Offset":"2"}\n', "is of another version"),
        (b"1\n[2]\n", "is of another version"),
        (b"-1\n", "is of another version"),
        (b"\xff\xfe", "is of another version"),
    ],
)
def test_offsets_in_a_form_that_the_collector_does_not_read_are_a_fault(
    tmp_path: Path, value: bytes, fault: str, within: bool
) -> None:
    path = tmp_path / OFFSETS
    path.write_bytes(offsets(value, within))
    assert fault_of(path) == fault


def test_damaged_files_are_put_aside_and_said_and_sound_ones_stay(tmp_path: Path) -> None:
    contents = {QUEUE: b"garbage", OFFSETS: database()[:-1], "exporter_otlp_grpc_tempo_traces": database()}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    command = [sys.executable, str(ROOT / "services/collector_files.py"), str(tmp_path)]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    assert said[0].startswith(f"{QUEUE} is no database of the collector: now {QUEUE}.")
    assert said[0].endswith("What waited in this queue is lost; nothing else is.")
    assert said[1].startswith(f"{OFFSETS} is cut off: now ")
    assert said[1].endswith("Log files are read again from their beginning, so lines may be stored twice.")

    again = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert again == ""
    assert {name.partition(".")[0]: content for name, content in left.items()} == contents
    assert [name for name in left if not name.endswith(".damaged")] == ["exporter_otlp_grpc_tempo_traces"]


@pytest.mark.parametrize(("free", "starts"), [(31 * 2**20, False), (32 * 2**20, True)])
def test_a_disk_without_room_is_said_before_anything_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, starts: bool
) -> None:
    monkeypatch.setattr(sys, "argv", ["collector_files.py", str(tmp_path)])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    # With nothing to lose there is nothing to say.
    main()
    (tmp_path / QUEUE).write_bytes(database())
    if starts:
        main()
    else:
        with pytest.raises(SystemExit, match="has 31 MiB left, and the collector needs 32 to start"):
            main()
    assert (tmp_path / QUEUE).read_bytes() == database()
