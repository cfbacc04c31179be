"""The file that the collector follows: rotated without a lost line, and written whatever becomes of stdout."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from telemetry import events, vocabulary
from telemetry.logs import LineFormat, LineHandler, LineWriter
from telemetry.settings import TelemetrySettings


@contextmanager
def writing(path: Path, **settings: int) -> Iterator[LineWriter]:
    chosen = TelemetrySettings(**settings)
    writer = LineWriter(path, chosen, LineFormat("shop", chosen))
    yield writer
    writer.close()


def written(folder) -> list[bytes]:
    names = sorted(folder.iterdir(), key=lambda path: path.name, reverse=True)
    return b"".join(path.read_bytes() for path in names).splitlines()


def test_rotation_keeps_every_line_in_order(tmp_path):
    lines = [b"%04d" % number + b"x" * 95 for number in range(40)]
    with writing(tmp_path / "a.jsonl", log_max_bytes=1_000, log_backups=5) as writer:
        for line in lines:
            writer.write(line + b"\n")
    assert written(tmp_path) == lines
    assert len(list(tmp_path.iterdir())) == 4


def test_restart_appends_to_the_file_of_the_process_before(tmp_path):
    for line in (b"first\n", b"second\n"):
        with writing(tmp_path / "a.jsonl") as writer:
            writer.write(line)
    assert written(tmp_path) == [b"first", b"second"]


def test_file_exists_before_the_first_line(tmp_path):
    with writing(tmp_path / "new" / "a.jsonl"):
        assert (tmp_path / "new" / "a.jsonl").read_bytes() == b""


def test_closed_stdout_does_not_keep_the_line_from_the_file(tmp_path, capfd):
    with writing(tmp_path / "a.jsonl") as writer:
        kept = os.dup(1)
        os.close(1)
        try:
            writer.write(b"line\n")
        finally:
            os.dup2(kept, 1)
            os.close(kept)
    assert written(tmp_path) == [b"line"]


def complaints(stderr: str) -> list[dict]:
    """The lines on stderr, each checked to be a whole one."""
    lines = [json.loads(line) for line in stderr.splitlines()]
    for line in lines:
        assert set(vocabulary.MANDATORY_FIELDS) <= set(line)
        assert (line["level"], line["event"], line["service"]) == ("ERROR", events.TELEMETRY_LOST.name, "shop")
    return lines


def test_full_disk_is_told_in_a_whole_line_and_keeps_nothing_from_stdout(capfd):
    with writing(Path("/dev/full")) as writer:
        writer.write(b"line\n")
    told = capfd.readouterr()
    assert told.out == "line\n"
    assert [line["error_type"] for line in complaints(told.err)] == ["OSError"]


def test_line_that_cannot_be_built_is_told_in_a_whole_line(capfd):
    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise ValueError("canary of a value")

    with writing(Path("/dev/null")) as writer:
        handler = LineHandler(writer)
        handler.setFormatter(Broken())
        handler.emit(logging.makeLogRecord({"msg": "canary"}))
    told = capfd.readouterr()
    assert [line["error_type"] for line in complaints(told.err)] == ["ValueError"]
    assert "canary" not in told.err
