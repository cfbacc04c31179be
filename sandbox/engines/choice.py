"""Selects the engine that runs the stack."""

from collections.abc import Mapping

from sandbox.engines import docker
from sandbox.engines.engine import Engine
from sandbox.engines.kubernetes.engine import KubernetesEngine
from sandbox.engines.native.engine import NativeEngine
from sandbox.engines.native.supervisor import Supervisor
from sandbox.engines.state import read_state
from sandbox.model.compose import Service, Topology
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout

__all__ = ["available", "choose", "recorded", "running"]

ENGINES = {"docker": docker.DockerEngine, "native": NativeEngine, "kubernetes": KubernetesEngine}


def choose(
    topology: Topology, services: Mapping[str, Service], asked: str, current: Engine | None
) -> tuple[Engine, str]:
    """Return the engine for `up` and the reason as text.

    `asked` is docker, native, kubernetes or empty; `current` is the running engine.
    """
    if asked and asked not in ENGINES:
        raise StackError(f"ENGINE is {asked!r}.", "Say ENGINE=docker, native or kubernetes, or leave it out.")
    if current and asked in ("", current.name):
        return current, "it runs there already"
    if current:
        raise StackError(
            f"The stack runs already, with the {current.name} engine.", f"`make down` first, then ENGINE={asked}."
        )
    if asked == "native":
        return NativeEngine(topology, services), "ENGINE asks for it"
    if asked == "kubernetes":
        return KubernetesEngine(topology, services), "ENGINE asks for it"
    why_not = docker.unavailable()
    if asked == "docker":
        if why_not:
            raise StackError(
                f"ENGINE=docker, but {why_not}.",
                "Start, install or update Docker, or leave ENGINE out to run without it.",
            )
        return docker.DockerEngine(topology, services), "ENGINE asks for it"
    if why_not:
        return NativeEngine(topology, services), why_not
    absent = docker.missing_images(services)
    if absent:
        image, reason = next(iter(absent.items()))
        return NativeEngine(topology, services), f"Docker answers, but image {image} cannot be had ({reason})"
    return docker.DockerEngine(topology, services), "a Docker engine answers and every image can be had"


def running(topology: Topology, services: Mapping[str, Service]) -> Engine | None:
    """Return the engine that runs the stack now, if any."""
    layout = Layout(topology.root)
    if Supervisor(layout).alive():
        return NativeEngine(topology, services)
    engine = recorded(topology, services)
    return engine if engine and any(part.state == "running" for part in engine.components(measure=False)) else None


def recorded(topology: Topology, services: Mapping[str, Service]) -> Engine | None:
    """Return the engine of the last `up`, if it still responds. Its containers may have been stopped since."""
    state = read_state(Layout(topology.root).state)
    if state and state.engine == "docker" and docker.unavailable() is None:
        return docker.DockerEngine(topology, services)
    if state and state.engine == "kubernetes":
        return KubernetesEngine(topology, services)
    return None


def available(topology: Topology, services: Mapping[str, Service]) -> list[Engine]:
    """Return the engines that may have data of this checkout."""
    engines: list[Engine] = [NativeEngine(topology, services)]
    if docker.unavailable() is None:
        engines.append(docker.DockerEngine(topology, services))
    return [*engines, KubernetesEngine(topology, services)]
