"""What the collector keeps on disk, when it is not as it was left: a clear message, and the next start works."""

import gzip
import json
import secrets
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from sandbox.engines.native.programs import program
from sandbox.model import ROOT
from sandbox.testbench.collector import free_ports
from sandbox.testbench.otlp import logs, value
from sandbox_testing import direct
from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone, forwarding

OFFSETS = "receiver_filelog_"
LINES = 20
ENTER = ["nsenter", "--preserve-credentials", "--user", "--mount", "--target"]


class Lines(ThreadingHTTPServer):
    """A log store that keeps the first word of each line."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.taken: set[str] = set()
        super().__init__(("127.0.0.1", port), _Taker)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Taker(BaseHTTPRequestHandler):
    server: Lines

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/logs"):
            unpacked = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            groups = ExportLogsServiceRequest.FromString(unpacked).resource_logs
            records = (one for group in groups for scope in group.scope_logs for one in scope.log_records)
            self.server.taken |= {one.body.string_value.split()[0] for one in records}
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Silence: the requests are not this test's story."""


@contextmanager
def small_disk(folder: Path) -> Iterator[list[str]]:
    """A disk of 3 MiB at this folder, and the beginning of a command that sees it: no other program does."""
    disk = f"mount -t tmpfs -o size=3m tmpfs {shlex.quote(str(folder))} && echo ready && exec sleep 600"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", disk]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout
            if holder.stdout.readline() != "ready\n":
                pytest.skip("skipped: this machine gives no user namespace")
            yield [*ENTER, str(holder.pid)]
        finally:
            holder.terminate()


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


def test_a_full_disk_is_said_to_the_sender_and_loses_no_line(tmp_path: Path) -> None:
    """Without this a restart on a full disk loses what the collector was sending."""
    state = tmp_path / "state"
    state.mkdir()
    [port] = free_ports(1)
    addresses = {("tempo", 4319): port, ("loki", 3100): port, ("prometheus", 9090): port}
    with small_disk(state) as inside:
        otelcol = tmp_path / "otelcol"
        otelcol.write_text(
            f'#!/bin/sh\nexec {shlex.join(inside)} {program("IMAGE_OTEL_COLLECTOR", "/otelcol-contrib")} "$@"\n'
        )
        otelcol.chmod(0o755)
        accepted: set[str] = set()
        with forwarding(otelcol, tmp_path, addresses, {}) as address:
            for request in range(500):
                words = [f"line-{request}-{number}" for number in range(LINES)]
                records = [{"body": value(f"{word} {secrets.token_hex(1000)}")} for word in words]
                answer = direct.post(f"{address}/v1/logs", json=logs("full", *records), timeout=10)
                if answer.status_code != 200:
                    break
                accepted |= set(words)
            assert (answer.status_code, "no space left on device" in answer.text) == (503, True)

        files = [*inside, sys.executable, str(ROOT / "services/collector_files.py"), str(state)]
        refused = subprocess.run(files, capture_output=True, text=True, check=False)
        assert (refused.returncode, "has 0 MiB left, and the collector needs 32" in refused.stderr) == (1, True)
        subprocess.run([*inside, "mount", "-o", "remount,size=64m", str(state)], check=True)
        assert subprocess.run(files, capture_output=True, text=True, check=True).stderr == ""
        with Lines(port) as store:
            with forwarding(otelcol, tmp_path, addresses, {}):
                eventually("every line", lambda: len(store.taken), lambda number: number >= len(accepted))
            store.shutdown()
        assert store.taken == accepted
