"""What listens is what the documentation says, and nothing listens for the network."""

import pytest

from sandbox.engines import control
from sandbox.model.stack import Stack
from tests.support import components
from tests.support.evidence import Evidence
from tests.support.ports import documented_ports


@pytest.mark.engine("network and names")
def test_nothing_listens_that_the_port_table_lacks(stack: Stack, evidence: Evidence) -> None:
    """Without this a program opens a door that nobody knows of, or takes a port that another one needs."""
    rows = documented_ports(stack.root / "docs" / "reference" / "ports.md")
    running = control.name(stack)
    expected = {
        int(stack.settings[row.variable]) if row.variable else row.port
        for row in rows
        if row.engine in ("both", running)
    }
    found = components.listeners(stack)
    evidence(engine=running, listeners=len(found))
    assert [str(one) for one in found if one.port not in expected] == []


@pytest.mark.engine("network and names")
def test_every_listener_is_on_loopback_alone(stack: Stack, evidence: Evidence) -> None:
    """Without this anybody on the same network reads the telemetry, with credentials that are in the repository."""
    found = components.listeners(stack)
    evidence(listeners=len(found))
    assert found
    assert [str(one) for one in found if one.address not in ("127.0.0.1", "::1")] == []
