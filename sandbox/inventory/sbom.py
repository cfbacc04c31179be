"""The software bill of materials in CycloneDX format: every component and every package pinned by a lock."""

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from sandbox.engines.native.images import Reference
from sandbox.inventory.locks import Package, find, go_modules, npm_packages, python_packages
from sandbox.inventory.parts import OWN_LICENCE, Part

__all__ = ["FILE", "LOCK", "bill", "write"]

FILE = Path(".run") / "sbom" / "sandbox.cdx.json"
# The property that names a lock file of a package; one per lock.
LOCK = "sandbox:lock"


@dataclass(frozen=True)
class Kind:
    """The locks of one package manager: suffix of their names, reader, type in package URLs."""

    purl_type: str
    ending: str
    read: Callable[[Path], set[Package]]


KINDS = (
    Kind("pypi", ".lock", python_packages),
    Kind("npm", "package-lock.json", npm_packages),
    Kind("golang", "go.sum", go_modules),
)


def bill(root: Path, everything: Iterable[Part]) -> Bom:
    """Return the bill of the checkout at `root`; `everything` are the components of its stack."""
    bom = Bom()
    bom.metadata.component = _ourselves(root)
    for part in everything:
        bom.components.add(_part(part))
    for kind in KINDS:
        for component in _packages(root, kind):
            bom.components.add(component)
    # Set directly: the library's method searches all of them for each, which takes several seconds for thousands.
    everyone = [Dependency(one.bom_ref) for one in bom.components]
    bom.dependencies = [Dependency(bom.metadata.component.bom_ref, everyone), *everyone]
    return bom


def write(bom: Bom, file: Path) -> None:
    """Write the bill as JSON of CycloneDX 1.6; replaces an earlier one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    JsonV1Dot6(bom).output_to_file(str(file), allow_overwrite=True, indent=2)


def _ourselves(root: Path) -> Component:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Component(
        type=ComponentType.APPLICATION,
        name=project["name"],
        version=project["version"],
        bom_ref="sandbox",
        licenses=_licences(OWN_LICENCE),
    )


def _part(part: Part) -> Component:
    return Component(
        type=ComponentType.CONTAINER if part.image else ComponentType.APPLICATION,
        name=part.name,
        version=part.pinned,
        bom_ref=f"part:{part.name}",
        purl=_purl("docker", Reference.parse(part.image).repository, part.pinned) if part.image else None,
        licenses=_licences(part.licence),
        properties=[Property(name="sandbox:native", value=part.native)],
    )


def _packages(root: Path, kind: Kind) -> Iterator[Component]:
    """Return each package once, with every lock that pins it."""
    locks: dict[Package, list[str]] = defaultdict(list)
    for lock in find(root, kind.ending):
        for package in kind.read(lock):
            locks[package].append(str(lock.relative_to(root)))
    for package in sorted(locks):
        purl = _purl(kind.purl_type, package.name, package.version)
        yield Component(
            type=ComponentType.LIBRARY,
            name=package.name,
            version=package.version,
            bom_ref=purl.to_string(),
            purl=purl,
            licenses=_licences(package.licence),
            properties=[Property(name=LOCK, value=lock) for lock in locks[package]],
        )


def _purl(kind: str, name: str, version: str) -> PackageURL:
    namespace, _, last = name.rpartition("/")
    return PackageURL(kind, namespace or None, last, version)


def _licences(expression: str) -> list:
    if not expression:
        return []
    return [LicenseFactory().make_from_string(expression, license_acknowledgement=LicenseAcknowledgement.DECLARED)]
