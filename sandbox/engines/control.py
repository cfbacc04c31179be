"""Suspends and resumes components without regard to the engine, and names the engine."""

from contextlib import suppress

import psutil

from sandbox.engines.docker import DockerEngine
from sandbox.engines.native import leftovers
from sandbox.engines.native.supervisor import Supervisor
from sandbox.model.compose import read_topology
from sandbox.model.layout import Layout
from sandbox.model.stack import Stack

__all__ = ["freeze", "name", "thaw"]


def name(stack: Stack) -> str:
    """Return ``native`` if processes of this checkout run, otherwise ``docker``."""
    return "native" if leftovers.find(stack.root) else "docker"


def freeze(stack: Stack, component: str) -> None:
    """Suspend a component until ``thaw``. Its connections and its port stay open."""
    if name(stack) == "native":
        _process(stack, component).suspend()
    else:
        _compose(stack, "pause", component)


def thaw(stack: Stack, component: str) -> None:
    """Resume a suspended component. No effect if it is not suspended or has exited."""
    if name(stack) == "native":
        with suppress(psutil.NoSuchProcess):
            _process(stack, component).resume()
    elif component in _compose(stack, "ps", "--status", "paused", "--services").split():
        _compose(stack, "unpause", component)


def _process(stack: Stack, component: str) -> psutil.Process:
    """Return the process of a component. Raises psutil.NoSuchProcess if there is none."""
    state = Supervisor(Layout(stack.root)).states()[component]
    if state.status != "Running":
        raise psutil.NoSuchProcess(state.pid)
    return psutil.Process(state.pid)


def _compose(stack: Stack, *arguments: str) -> str:
    return DockerEngine(read_topology(stack.root), {}).compose(*arguments)
