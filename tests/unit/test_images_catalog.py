"""images.toml against everything it has to agree with: docker-compose.yml, .env, the go.mod files, the locks."""

import re
from pathlib import Path

import pytest

from sandbox.engines.native import images
from sandbox.engines.native.images import Reference
from sandbox.model import ROOT
from sandbox.model.compose import Service, read_topology
from sandbox.model.errors import StackError
from tests.support.checklist import nothing_is_wrong_with

CATALOG = images.load()
MINIMAL = """
[image."a/b"]
tags = ["1"]
licence = "MIT"
read-from = "its Dockerfile"
base = "scratch"
user = "1:1"
workdir = "/"
entrypoint = ["/b"]
cmd = []
ports = []
binaries = {"/b" = "go:b/b"}
[program.b]
module = "example.invalid/b"
licence = "MIT"
version = "v1"
binaries = {b = "example.invalid/b"}
seconds = 1
[venv]
"""
SERVICES = read_topology(ROOT, {}).services
PULLED = {one.image for one in SERVICES.values()} - {one.image for one in SERVICES.values() if one.build}


@nothing_is_wrong_with(PULLED)
def test_every_image_has_a_native_program_or_says_why_not(reference: str) -> dict[str, object]:
    """tests/unit/test_topology.py shows that each pin is what the native program is."""
    image = CATALOG.image(reference)
    return {"has neither, or both": bool(image.binaries) == bool(image.without)}


@nothing_is_wrong_with({name: service for name, service in SERVICES.items() if service.image in PULLED})
def test_the_entrypoints_of_the_stack_are_programs_of_their_images(service: Service) -> dict[str, object]:
    image = CATALOG.image(service.image)
    names = {name for path in image.programs for name in image.names(path)}
    return {"its image lacks": not image.without and {service.argv[0]} - names}


@nothing_is_wrong_with(CATALOG.programs)
def test_the_version_stated_is_the_one_its_go_mod_requires(program: images.Program) -> dict[str, object]:
    folder, version = ROOT / "sandbox/engines/native/go" / program.directory, f"{program.module} {program.version}"
    required = re.search(rf"\b{re.escape(version)}$", (folder / "go.mod").read_text(), re.MULTILINE)
    return {
        "go.mod lacks": not required and version,
        "go.sum lacks": f"{version} h1:" not in (folder / "go.sum").read_text() and version,
    }


@nothing_is_wrong_with(CATALOG.venvs)
def test_every_lock_pins_each_package_with_a_hash(venv: images.Venv) -> dict[str, object]:
    pins = re.split(r"\n(?=\S)", (ROOT / venv.lock).read_text().strip())
    return {"pins nothing, or not with a hash": [pin for pin in pins if not ("==" in pin and "--hash=sha256:" in pin)]}


def test_every_go_source_is_a_binary_that_its_program_makes() -> None:
    for image in CATALOG.images.values():
        for source in image.programs.values():
            if source.scheme == "go":
                assert source.member in CATALOG.program(source.owner).binaries


@pytest.mark.parametrize(
    ("text", "repository", "tag"),
    [
        ("prom/prometheus:v3.15.0", "prom/prometheus", "v3.15.0"),
        ("postgres", "postgres", "latest"),
        ("docker.io/library/postgres:18", "postgres", "18"),
        ("mirror.example:5000/grafana/loki:3.7.8", "grafana/loki", "3.7.8"),
        ("localhost/grafana/loki:3.7.8@sha256:0123", "grafana/loki", "3.7.8"),
    ],
)
def test_a_reference_through_a_mirror_is_the_same_image(text: str, repository: str, tag: str) -> None:
    assert Reference.parse(text) == Reference(repository, tag)


def test_an_unknown_image_is_refused_with_the_table_to_add() -> None:
    with pytest.raises(StackError) as refusal:
        CATALOG.image("example/unknown:1")
    assert "image example/unknown is not in sandbox/engines/native/images.toml" in refusal.value.problem
    assert '[image."example/unknown"]' in refusal.value.next_step


def test_another_pin_than_the_native_one_is_refused_with_both_versions() -> None:
    with pytest.raises(StackError) as refusal:
        CATALOG.check_pin("prom/prometheus:v3.16.0")
    assert "prom/prometheus:v3.16.0" in refusal.value.problem
    assert "prom/prometheus:v3.15.0, made from github.com/prometheus/prometheus v0.315.0" in refusal.value.problem


def test_a_bare_name_works_only_where_the_image_has_it_on_its_path() -> None:
    postgres, loki = CATALOG.image("postgres:18"), CATALOG.image("grafana/loki:3.7.8")
    assert postgres.names("/usr/lib/postgresql/18/bin/pg_isready")[1] == "pg_isready"
    assert loki.names("/opt/loki") == ("/opt/loki",)


@pytest.mark.parametrize(
    ("replaced", "by", "complaint"),
    [
        ('tags = ["1"]', "", "'tags' is missing"),
        ('tags = ["1"]', 'tags = ["1"]\ntaggs = ["1"]', "unknown 'taggs'"),
        ("go:b/b", "brew:b", "'brew:b' is unknown"),
        ("go:b/b", "go:c/c", "comes from go:c"),
    ],
)
def test_a_mistake_in_the_catalog_is_named(replaced: str, by: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "images.toml"
    file.write_text(MINIMAL.replace(replaced, by))
    with pytest.raises(StackError, match=complaint):
        images.load(file)


def test_the_collector_is_generated_from_its_builder_file() -> None:
    folder = ROOT / "sandbox/engines/native/go" / "otelcol"
    components = set(re.findall(r"gomod: (\S+) (\S+)", (folder / "builder.yaml").read_text()))
    go_mod, main = (
        (folder / "go.mod").read_text(),
        (folder / "main.go").read_text() + (folder / "components.go").read_text(),
    )
    assert components
    for module, version in components:
        assert f"\t{module} {version}\n" in go_mod
        assert f'"{module}"' in main
    assert {version for module, version in components if "contrib" in module} == {"v0.160.0"}


def test_a_library_that_two_programs_raise_is_compiled_once() -> None:
    raised: dict[str, set[str]] = {}
    for program in CATALOG.programs.values():
        text = (ROOT / "sandbox/engines/native/go" / program.directory / "go.mod").read_text()
        if "DO NOT EDIT" not in text:
            for module, version in re.findall(r"^(?:require)?\s+(\S+) (v\S+)$", text, re.MULTILINE):
                raised.setdefault(module, set()).add(version)
    assert {module: versions for module, versions in raised.items() if len(versions) > 1 and "/" in module} == {}
