"""The versions that the running stack tells of itself."""

import re

import pytest

from sandbox.engines import choice
from sandbox.engines.native import images
from sandbox.engines.state import read_state
from sandbox.inventory.parts import parts
from sandbox.inventory.running import running
from sandbox.model.compose import read_topology
from sandbox.model.layout import Layout
from sandbox.model.stack import Stack


@pytest.mark.engine("start, order and health")
def test_every_part_that_runs_says_the_version_that_is_pinned(stack: Stack) -> None:
    """Without it a report names a version that nobody runs."""
    topology = read_topology(stack.root)
    engine, state = choice.running(topology, topology.services), read_state(Layout(stack.root).state)
    assert engine
    assert state
    everything = {part.name: part for part in parts(topology, images.load())}
    told = running(engine.components(), everything.values(), topology.variables, state.components)

    assert {"gateway", "frontend-shell", "postgres", "prometheus", "loki", "tempo", "bugsink"} <= told.keys()
    for name, version in told.items():
        pinned = {everything[name].pinned, everything[name].native.rpartition(" ")[2]}
        number = re.sub(r"^(module )?v?|, as started$", "", version)
        assert any(number.startswith(pin.removeprefix("v")) for pin in pinned), f"{name}: {version}, not {pinned}"
