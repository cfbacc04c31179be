"""The bill of materials names every component of the stack and every package that is pinned, wherever it is pinned."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cyclonedx.model.component import Component
from cyclonedx.spdx import is_supported_id
from packaging.utils import canonicalize_name

from sandbox.engines.native import images
from sandbox.inventory.locks import find
from sandbox.inventory.parts import parts
from sandbox.inventory.sbom import LOCK, bill, write
from sandbox.model import ROOT
from sandbox.model.compose import read_topology

TOPOLOGY = read_topology(ROOT, {})
CATALOG = images.load()


@pytest.fixture(scope="module")
def components() -> list[Component]:
    return list(bill(ROOT, parts(TOPOLOGY, CATALOG)).components)


@pytest.fixture(scope="module")
def pinned(components: list[Component]) -> dict[str, set[tuple[str, str | None]]]:
    """Name and version of the packages that each lock pins, by the lock's path."""
    found: dict[str, set[tuple[str, str | None]]] = {}
    for component in components:
        for one in component.properties:
            if one.name == LOCK:
                found.setdefault(one.value, set()).add((component.name, component.version))
    return found


def test_file_is_cyclonedx_and_says_what_needs_what(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "services/requirements.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    file = tmp_path / "below" / "sandbox.cdx.json"
    write(bill(tmp_path, parts(TOPOLOGY, CATALOG)), file)
    document = json.loads(file.read_text(encoding="utf-8"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["name"] == "observability-sandbox"
    named = {one["bom-ref"]: one for one in document["components"]}
    [fastapi] = [one for one in named.values() if one["name"] == "fastapi"]
    assert fastapi["properties"] == [{"name": LOCK, "value": "services/requirements.lock"}]
    needs = {one["ref"]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert set(needs.pop("sandbox")) == named.keys() == needs.keys()


def test_every_component_of_the_stack_is_named_with_its_version_and_licence(components: list[Component]) -> None:
    named = {one.name: one for one in components if one.bom_ref.value.startswith("part:")}
    assert {name: one.version for name, one in named.items() if name in TOPOLOGY.services} == {
        name: service.version for name, service in TOPOLOGY.services.items()
    }
    assert [name for name, one in named.items() if not one.licenses] == []
    assert named["prometheus"].purl.to_string() == "pkg:docker/prom/prometheus@v3.15.0"


def python_names(lock: Path) -> set[tuple[str, str]]:
    starts = [line.split()[0] for line in lock.read_text().splitlines() if line[:1].isalnum()]
    names = [re.split(r"\[|==", start) for start in starts]
    return {(canonicalize_name(parts[0]), parts[-1]) for parts in names}


def npm_names(lock: Path) -> set[tuple[str, str]]:
    entries = json.loads(lock.read_text())["packages"]
    # A link is a workspace of ours; an alias is installed under another name than its package has.
    foreign = {path: one for path, one in entries.items() if "node_modules/" in path and "link" not in one}
    return {(one.get("name") or path.split("node_modules/")[-1], one["version"]) for path, one in foreign.items()}


def go_names(lock: Path) -> set[tuple[str, str]]:
    return {tuple(line.split()[:2]) for line in lock.read_text().splitlines() if "/go.mod h1:" not in line}


@pytest.mark.parametrize(
    ("ending", "names"), [(".lock", python_names), ("package-lock.json", npm_names), ("go.sum", go_names)]
)
def test_every_package_of_every_lock_is_named(
    ending: str, names: Callable[[Path], set[tuple[str, str]]], pinned: dict[str, set[tuple[str, str]]]
) -> None:
    locks = {str(path.relative_to(ROOT)): names(path) for path in find(ROOT, ending)}
    assert locks
    assert {lock: pinned[lock] ^ wanted for lock, wanted in locks.items() if pinned[lock] != wanted} == {}


def test_every_module_that_a_program_requires_is_named(pinned: dict[str, set[tuple[str, str]]]) -> None:
    wrong = {}
    for sums in find(ROOT, "go.sum"):
        go_mod = sums.with_name("go.mod").read_text()
        replaced = set(re.findall(r"^(?:replace)?\s*(\S+)(?: v\S+)? =>", go_mod, re.MULTILINE))
        required = set(re.findall(r"^(?:require )?\s*([\w.-]+\.[\w./-]+) v\S+(?: // indirect)?$", go_mod, re.MULTILINE))
        # One whose go.mod alone has a hash decides versions of others and is not compiled.
        compiled = set(re.findall(r"^(\S+) v[^\s/]+ h1:", sums.read_text(), re.MULTILINE))
        missing = required - replaced - {name for name, _ in pinned[str(sums.relative_to(ROOT))]}
        if not required & compiled or missing & compiled or len(missing) > 1:
            wrong[str(sums.relative_to(ROOT))] = missing
    assert wrong == {}


def test_licence_of_each_part_is_in_the_list_of_spdx_or_a_reference() -> None:
    licences = {part.name: part.licence for part in parts(TOPOLOGY, CATALOG)}
    known = {name for name, one in licences.items() if is_supported_id(one) or re.fullmatch(r"LicenseRef-[\w.-]+", one)}
    assert licences.keys() - known == set()


def test_no_component_is_named_twice(components: list[Component]) -> None:
    references = [one.bom_ref.value for one in components]
    assert len(references) == len(set(references))
