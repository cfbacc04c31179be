"""The bill of materials names every component of the stack and every package that is pinned, wherever it is pinned."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.spdx import is_supported_id
from packaging.utils import canonicalize_name

from inventory.locks import find
from inventory.parts import parts
from inventory.sbom import LOCK, bill, write
from native import images
from stack.compose import read_topology
from tests.support.project import ROOT

TOPOLOGY = read_topology(ROOT, {})
CATALOG = images.load()
GO_SUMS = find(ROOT, "go.sum")


@pytest.fixture(scope="module")
def components(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    file = tmp_path_factory.mktemp("sbom") / "below" / "sandbox.cdx.json"
    write(bill(ROOT, parts(TOPOLOGY, CATALOG)), file)
    document = json.loads(file.read_text(encoding="utf-8"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["component"]["name"] == "observability-sandbox"
    return document["components"]


@pytest.fixture(scope="module")
def pinned(components: list[dict[str, Any]]) -> dict[str, set[tuple[str, str]]]:
    """Name and version of the packages that each lock pins, by the lock's path."""
    found: dict[str, set[tuple[str, str]]] = {}
    for component in components:
        for one in component.get("properties", []):
            if one["name"] == LOCK:
                found.setdefault(one["value"], set()).add((component["name"], component["version"]))
    return found


def test_every_component_of_the_stack_is_named_with_its_version_and_licence(components: list[dict[str, Any]]) -> None:
    named = {one["name"]: one for one in components if one["bom-ref"].startswith("part:")}
    assert {name: one["version"] for name, one in named.items() if name in TOPOLOGY.services} == {
        name: service.version for name, service in TOPOLOGY.services.items()
    }
    assert [name for name, one in named.items() if not one.get("licenses")] == []
    assert named["prometheus"]["purl"] == "pkg:docker/prom/prometheus@v3.15.0"


@pytest.mark.parametrize("lock", find(ROOT, ".lock"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_locked_python_package_is_named(lock: Path, pinned: dict[str, set[tuple[str, str]]]) -> None:
    starts = [line.split()[0] for line in lock.read_text().splitlines() if line[:1].isalnum()]
    names = [re.split(r"\[|==", start) for start in starts]
    assert pinned[str(lock.relative_to(ROOT))] == {(canonicalize_name(parts[0]), parts[-1]) for parts in names}


@pytest.mark.parametrize("lock", find(ROOT, "package-lock.json"), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_npm_package_is_named(lock: Path, pinned: dict[str, set[tuple[str, str]]]) -> None:
    entries = json.loads(lock.read_text())["packages"]
    # A link is a workspace of ours; an alias is installed under another name than its package has.
    foreign = {path: one for path, one in entries.items() if "node_modules/" in path and "link" not in one}
    names = {(one.get("name") or path.split("node_modules/")[-1], one["version"]) for path, one in foreign.items()}
    assert pinned[str(lock.relative_to(ROOT))] == names


@pytest.mark.parametrize("sums", GO_SUMS, ids=lambda path: path.parent.name)
def test_every_go_module_is_named(sums: Path, pinned: dict[str, set[tuple[str, str]]]) -> None:
    named = pinned[str(sums.relative_to(ROOT))]
    assert named == {tuple(line.split()[:2]) for line in sums.read_text().splitlines() if "/go.mod h1:" not in line}


@pytest.mark.parametrize("sums", GO_SUMS, ids=lambda path: path.parent.name)
def test_every_module_that_a_program_requires_is_named(sums: Path, pinned: dict[str, set[tuple[str, str]]]) -> None:
    go_mod = sums.with_name("go.mod").read_text()
    replaced = set(re.findall(r"^(?:replace)?\s*(\S+)(?: v\S+)? =>", go_mod, re.MULTILINE))
    required = set(re.findall(r"^(?:require )?\s*([\w.-]+\.[\w./-]+) v\S+(?: // indirect)?$", go_mod, re.MULTILINE))
    # One whose go.mod alone has a hash decides versions of others and is not compiled.
    compiled = set(re.findall(r"^(\S+) v[^\s/]+ h1:", sums.read_text(), re.MULTILINE))
    missing = required - replaced - {name for name, _ in pinned[str(sums.relative_to(ROOT))]}
    assert required & compiled
    assert missing & compiled == set()
    assert len(missing) <= 1


@pytest.mark.parametrize("part", parts(TOPOLOGY, CATALOG), ids=lambda part: part.name)
def test_licence_of_each_part_is_in_the_list_of_spdx_or_a_reference(part: Any) -> None:
    assert is_supported_id(part.licence) or re.fullmatch(r"LicenseRef-[\w.-]+", part.licence)


def test_no_component_is_named_twice(components: list[dict[str, Any]]) -> None:
    references = [one["bom-ref"] for one in components]
    assert len(references) == len(set(references))
