"""Files of the collector that it could not open are put aside, and no others."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from services.collector_files import _MAGIC, _VERSION, _fnv, fault_of
from tests.support.project import ROOT

PAGE = 4096
QUEUE, OFFSETS = "exporter_otlp_http_loki_logs", "receiver_file_log_"


def description(transaction: int, pages: int) -> bytes:
    """One page as bbolt writes it at a database's beginning."""
    meta = struct.pack("<IIIIQQQQQ", _MAGIC, _VERSION, PAGE, 0, 3, 0, 2, pages, transaction)
    return (bytes(16) + meta + struct.pack("<Q", _fnv(meta))).ljust(PAGE, b"\0")


def database(pages: int = 8) -> bytes:
    """The last transaction used all of its pages, the one before it half of them."""
    return description(6, pages // 2) + description(7, pages) + bytes((pages - 2) * PAGE)


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
    ],
)
def test_fault_is_what_would_keep_the_collector_from_starting(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / QUEUE
    path.write_bytes(content)
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
