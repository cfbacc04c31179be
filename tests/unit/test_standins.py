"""The stand-in images of CI: what they are made of follows from the facts in images.toml, and nothing else."""

import tarfile
from pathlib import Path

import pytest

from sandbox.engines.native.images import Image, load
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.variables import read_variables
from tests.ci.dockerfile import busybox_links, dockerfile, environments
from tests.ci.images import stand_in_overrides
from tests.ci.rootfs import Rootfs
from tests.support.checklist import nothing_is_wrong_with

CATALOG = load()
APPLETS = ["busybox", "sh", "wget", "ls"]


@nothing_is_wrong_with({name: image for name, image in CATALOG.images.items() if image.base != "debian"})
def test_images_without_debian_start_from_nothing_and_keep_their_user_and_entrypoint(image: Image) -> dict[str, object]:
    lines = dockerfile(image, "scratch").splitlines()
    entrypoint = next(line for line in lines if line.startswith("ENTRYPOINT"))
    return {
        "starts from something": lines[0] != "FROM scratch",
        "another user": f"USER {image.user}" not in lines,
        "runs": [line for line in lines if line.startswith("RUN")],
        "its entrypoint lacks": [word for word in image.entrypoint if f'"{word}"' not in entrypoint],
    }


@pytest.mark.parametrize("name", ["grafana/loki", "otel/opentelemetry-collector-contrib"])
def test_an_image_whose_facts_name_no_tool_gets_no_shell(name: str) -> None:
    assert busybox_links(CATALOG.images[name], APPLETS) == {}


def test_tempo_has_its_busybox_where_the_debug_image_keeps_it_and_nowhere_else() -> None:
    links = busybox_links(CATALOG.images["grafana/tempo"], APPLETS)

    assert links["/busybox/wget"] == "/busybox/busybox"
    assert {str(Path(link).parent) for link in links} == {"/busybox"}


def test_only_an_application_image_has_python_packages_installed() -> None:
    installed = {name: environments(image) for name, image in CATALOG.images.items() if environments(image)}

    assert installed == {"bugsink/bugsink": {"bugsink"}}


def test_overrides_choose_a_stand_in_for_every_image_that_can_be_made_and_grafana_is_left_out() -> None:
    variables = read_variables(ROOT, {})

    overrides = stand_in_overrides(variables, CATALOG)

    names = {name for name in variables if name.startswith("IMAGE_")}
    assert names - set(overrides) == {"IMAGE_GRAFANA"}
    assert all(overrides[name] == f"localhost/{variables[name]}" for name in overrides)
    assert all(CATALOG.image(overrides[name]) == CATALOG.image(variables[name]) for name in overrides)


def test_the_stand_ins_fill_the_topology_without_changing_anything_but_images() -> None:
    official = read_topology(ROOT, {})
    replaced = read_topology(ROOT, stand_in_overrides(official.variables, CATALOG))

    for name, service in official.services.items():
        other = replaced.services[name]
        assert (service.argv, service.environment, service.ports) == (other.argv, other.environment, other.ports)
        assert other.image.endswith(service.image)


def test_every_data_volume_that_an_image_prepares_belongs_to_the_user_who_writes_to_it() -> None:
    """A fresh named volume takes owner and mode from the image; one at an unknown path belongs to root and fails."""
    topology = read_topology(ROOT, {})
    owned_by_init = {mount.source for mount in topology.services["volume-owner"].mounts if mount.kind == "volume"}
    for service in topology.services.values():
        volumes = [
            m for m in service.mounts if m.kind == "volume" and not m.read_only and m.source not in owned_by_init
        ]
        for mount in volumes if service.build is None else []:
            prepared = {directory.path: directory.owner for directory in CATALOG.image(service.image).directories}
            assert prepared.get(mount.target) == service.raw["user"], f"{service.name}: {mount.target}"


def test_a_root_file_system_keeps_owners_and_modes_and_repeats_byte_for_byte(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")

    def build(target: Path) -> bytes:
        rootfs = Rootfs()
        rootfs.directory("/var/tempo", (10001, 10001), 0o700)
        rootfs.file("/bin/tempo", program)
        rootfs.link("/bin/other", "/bin/tempo")
        rootfs.write(target)
        return target.read_bytes()

    assert build(tmp_path / "one.tar") == build(tmp_path / "two.tar")
    with tarfile.open(tmp_path / "one.tar") as tar:
        entries = {entry.name: (entry.uid, entry.mode, entry.type) for entry in tar}
    assert entries["var"] == (0, 0o755, tarfile.DIRTYPE)
    assert entries["var/tempo"] == (10001, 0o700, tarfile.DIRTYPE)
    assert entries["bin/tempo"] == (0, 0o755, tarfile.REGTYPE)
    assert entries["bin/other"][2] == tarfile.SYMTYPE


def test_a_changed_program_changes_the_digest_of_its_root_file_system(tmp_path: Path) -> None:
    program = tmp_path / "program"

    def digest(content: str) -> str:
        program.write_text(content)
        rootfs = Rootfs()
        rootfs.file("/program", program)
        return rootfs.digest()

    assert digest("one") != digest("another")
