"""What the collector keeps on disk, when it is not as it was left: a clear message, and the next start works."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone
from tests.support.programs import program
from tests.support.project import ROOT

OFFSETS = "receiver_filelog_"


def test_offsets_of_another_version_are_put_aside_and_the_next_start_works(tmp_path: Path) -> None:
    """Without this, going back to an older collector leaves one that ends at every start."""
    otelcol = program("IMAGE_OTEL_COLLECTOR", "/otelcol-contrib")
    with CollectorAlone.running(otelcol, tmp_path) as first:
        first.write_lines("shop", [json.dumps({"message": "before", "padding": "x" * 2000})])
        eventually("the line", first.records)
    file = tmp_path / "state" / OFFSETS
    written = file.read_bytes()
    assert b"knownFiles\n" in written
    foreign = written.replace(b"knownFiles\n", b"knownFiles\x07")
    file.write_bytes(foreign)
    with pytest.raises(RuntimeError, match="read known files from database"), CollectorAlone.running(otelcol, tmp_path):
        pass

    # The collector that ended has forgotten the offsets without a word.
    file.write_bytes(foreign)
    command = [sys.executable, str(ROOT / "services/collector_files.py"), str(tmp_path / "state")]
    [said] = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    assert said.startswith(f"{OFFSETS} is of another version: now {OFFSETS}.")
    assert said.endswith("Log files are read again from their beginning, so lines may be stored twice.")
    with CollectorAlone.running(otelcol, tmp_path) as again:
        [(_, record)] = eventually("the line, once more", again.records)
        assert "before" in record["body"]["stringValue"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""
