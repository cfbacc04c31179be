"""The log file that the collector reads: rotated without losing a line, and independent of stdout."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox_telemetry import events
from sandbox_telemetry.logs import LineFormat, LineHandler, LineWriter
from sandbox_telemetry.names import MANDATORY_FIELDS
from sandbox_telemetry.settings import TelemetrySettings


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


def test_two_instances_write_one_file_and_rotate_it_once(tmp_path):
    """The collector finds every line of both exactly once, in files whose names match its patterns."""
    path, count = tmp_path / "shop.jsonl", 400
    children = []
    for instance in (b"a", b"b", b"c"):
        if (child := os.fork()) == 0:
            with writing(path, log_max_bytes=10_000, log_backups=20) as writer:
                for number in range(count):
                    writer.write(instance + b"%04d" % number + b"x" * 95 + b"\n")
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    lines = written(tmp_path)
    for instance in (b"a", b"b", b"c"):
        assert sorted(line[:5] for line in lines if line.startswith(instance)) == [
            instance + b"%04d" % number for number in range(count)
        ]
    assert {len(line) for line in lines} == {100}
    names = {file.name for file in tmp_path.iterdir()}
    assert {"shop.jsonl"} < names == {"shop.jsonl", *(f"shop.jsonl.{n}" for n in range(1, len(names)))}
    # No more files than the lines need: no second instance has rotated a file that was just created.
    assert len(names) <= count * 3 * 101 // 10_000 + 1


def test_file_that_was_removed_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("sandbox_telemetry.logfile._LOOK_SECONDS", 0.0)
    with writing(tmp_path / "a.jsonl") as writer:
        writer.write(b"first\n")
        (tmp_path / "a.jsonl").unlink()
        writer.write(b"second\n")
    assert written(tmp_path) == [b"second"]


def test_instance_that_may_not_rotate_now_writes_on(tmp_path):
    import fcntl

    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with writing(tmp_path / "a.jsonl", log_max_bytes=10, log_backups=2) as writer:
        writer.write(b"first\n")
        writer.write(b"second\n")
        os.close(folder)
        writer.write(b"third\n")
    assert (tmp_path / "a.jsonl.1").read_bytes() == b"first\nsecond\n"
    assert (tmp_path / "a.jsonl").read_bytes() == b"third\n"


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
    """Return the lines on stderr; each must be complete."""
    lines = [json.loads(line) for line in stderr.splitlines()]
    for line in lines:
        assert set(MANDATORY_FIELDS) <= set(line)
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
