"""The components of the stack with the pinned version and the licence of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.engines.native.images import Catalog, Image
from sandbox.inventory.locks import python_packages
from sandbox.model.compose import Topology

__all__ = ["OWN_LICENCE", "Part", "parts"]

# The licence of this project; see LICENSE.
OWN_LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Part:
    """One component. `pinned` is the tag of its image or a program's version; `native` is what the native engine runs.

    `image` is empty for a program without an image, `module` for one that is not written in Go.
    """

    name: str
    pinned: str
    native: str
    licence: str
    image: str = ""
    module: str = ""


def parts(topology: Topology, catalog: Catalog) -> list[Part]:
    """Return every service of docker-compose.yml, then the additional programs of both engines and of the checks."""
    return [*_services(topology, catalog), *_tools(topology, catalog)]


def _services(topology: Topology, catalog: Catalog) -> Iterator[Part]:
    own = {service.image for service in topology.services.values() if service.build}
    for service in topology.services.values():
        if service.image in own:
            yield Part(service.name, service.version, "the same", OWN_LICENCE, service.image)
        else:
            image = catalog.image(service.image)
            native, module = _native(image, catalog, topology.root)
            yield Part(service.name, service.version, native, image.licence, service.image, module)


def _tools(topology: Topology, catalog: Catalog) -> Iterator[Part]:
    images = [catalog.image(service.image) for service in topology.services.values() if not service.build]
    in_images = {source.owner for image in images for source in image.programs.values()}
    for program in catalog.programs.values():
        if program.name not in in_images:
            yield Part(program.name, program.version, "the same", program.licence, module=program.module)
    python = topology.variables["IMAGE_PYTHON"]
    image = catalog.image(python)
    yield Part("python (the services' base)", python.rpartition(":")[2], "this machine's", image.licence, python)


def _native(image: Image, catalog: Catalog, root: Path) -> tuple[str, str]:
    """Return the native replacement of an image, and its Go module if it has one."""
    for source in image.binaries.values():
        if source.scheme == "go":
            program = catalog.program(source.owner)
            return f"{program.name} {program.version}", program.module
        if source.scheme == "venv":
            return _asked_for(root / catalog.venvs[source.owner].lock), ""
    return "none", ""


def _asked_for(lock: Path) -> str:
    """Return the packages that the .in file of a lock lists, with the lock's versions."""
    asked = lock.with_suffix(".in").read_text(encoding="utf-8")
    return ", ".join(f"{one.name} {one.version}" for one in sorted(python_packages(lock)) if one.name in asked)
