"""The files of the collector's queues: a damaged one is put aside, and one that never drains can be given up alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.engines import commands
from sandbox.incidents import runbook
from sandbox.incidents.ask import Asker
from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki
from tests.support import components
from tests.support.evidence import Evidence

QUEUES = Path(".run/data/collector-data")
PUSHED, LINES = "exporter_otlp_http_prometheus_metrics", "exporter_otlp_http_loki_logs"


@pytest.fixture
def files(stack: Stack) -> Iterator[Path]:
    """The folder of the queues, the collector stopped; afterwards it runs."""
    folder = stack.root / QUEUES
    if not folder.is_dir():
        pytest.fail(f"{folder} is not there: with Docker it is a volume, and this test belongs to the native engine")
    commands.stop(stack.root, "otel-collector")
    yield folder
    components.start(stack, "otel-collector")


def test_damaged_queue_is_put_aside_and_the_collector_starts(
    stack: Stack, files: Path, loki: Loki, evidence: Evidence
) -> None:
    """Without this a machine that lost its power has no telemetry until a person finds the file."""
    others = {path.name for path in files.iterdir()} - {PUSHED}
    (files / PUSHED).write_bytes(b"\xa5" * 3000)
    components.start(stack, "collector-files")
    components.start(stack, "otel-collector")

    found = [path for path in files.glob(f"{PUSHED}.*.damaged") if path.name not in others]
    aside = [path.name for path in found if path.read_bytes() == b"\xa5" * 3000]
    evidence(aside=aside)
    assert len(aside) == 1
    assert others <= {path.name for path in files.iterdir()}
    with Customer(stack.url("gateway")) as person:
        sent = person.send("GET", "/welcome")
    eventually("the line of a request afterwards", lambda: loki.of_trace(sent.trace_id, sent.sent_at - 5))


def test_runbook_gives_up_one_queue_and_no_other(stack: Stack, files: Path, loki: Loki) -> None:
    """Without this a person deletes all data for one line that a store never takes."""
    [block] = [one for one in runbook.read("TelemetryExportFailing").blocks("Mitigation") if LINES in one.text]
    before = {path.name: path.stat().st_ino for path in files.iterdir()}
    components.start(stack, "otel-collector")
    with Asker(stack) as asker:
        done = asker.run(block.text)
    assert done.ok, done.rows
    after = eventually(
        "the new file of the queue",
        lambda: {path.name: path.stat().st_ino for path in files.iterdir()},
        lambda found: LINES in found,
    )
    assert after[LINES] != before[LINES]
    with Customer(stack.url("gateway")) as person:
        sent = person.send("GET", "/welcome")
    eventually("the line of a request afterwards", lambda: loki.of_trace(sent.trace_id, sent.sent_at - 5))
