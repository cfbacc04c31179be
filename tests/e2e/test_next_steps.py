"""What `up` prints to try next works as pasted."""

import json
import re
import subprocess
import time
import uuid

import pytest

from sandbox.engines.view import next_steps
from sandbox.model.compose import read_topology
from sandbox.model.stack import Stack
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki, Tempo


@pytest.mark.engine("the thin path")
def test_the_printed_commands_make_a_payment_that_is_found(stack: Stack, tempo: Tempo, loki: Loki) -> None:
    """Without this the first thing that a newcomer does fails."""
    lines = next_steps(read_topology(stack.root)).splitlines()
    script = "\n".join(line for line in lines if line.startswith(" "))
    script = script.replace("you@example.com", f"{uuid.uuid4().hex}@example.com")

    printed = subprocess.run(
        ["bash", "-eu", "-c", script], capture_output=True, text=True, timeout=60, check=True
    ).stdout

    assert "HTTP/1.1 201" in printed
    trace_id = re.search(r"^x-trace-id: ([0-9a-f]{32})", printed, re.MULTILINE | re.IGNORECASE)[1]
    assert json.loads(printed.splitlines()[-1])["data"]["result"], "no counter of payments in Prometheus"
    assert eventually("the trace in Tempo", lambda: tempo.trace(trace_id))
    assert eventually("the log lines in Loki", lambda: loki.of_trace(trace_id, time.time() - 60))
