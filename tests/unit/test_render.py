"""Natively, addresses, ports and paths are written differently, and nothing else is."""

import re
from pathlib import Path

import pytest

from sandbox.engines.native.project import NativeForm, substitutions
from sandbox.engines.native.render import Substitutions, render_copy
from sandbox.model import ROOT
from sandbox.model.compose import Mount, Service, read_topology
from sandbox.model.layout import Layout
from tests.support.checklist import nothing_is_wrong_with

CHANGES = Substitutions(
    addresses={("loki", 3100): 3100, ("otel-collector", 4318): 14318},
    own_ports={3100: 13100},
    paths={"/loki": "/run/data/loki", "/loki/rules": "/run/tmp/rules", "/tmp": "/run/tmp"},
)


@pytest.mark.parametrize(
    ("written", "native"),
    [
        ("http://loki:3100/otlp", "http://127.0.0.1:3100/otlp"),
        ("postgresql://user:secret@loki:3100/db", "postgresql://user:secret@127.0.0.1:3100/db"),
        ("otel-collector:4318", "127.0.0.1:14318"),
        ("--listen=0.0.0.0:3100", "--listen=127.0.0.1:13100"),
        ("listen_addresses=0.0.0.0", "listen_addresses=127.0.0.1"),
        ("http_listen_port: 3100", "http_listen_port: 13100"),
        ('"PORT": "3100"', '"PORT": "13100"'),
        ("port=3100", "port=13100"),
        ("- targets: [host.docker.internal:9464]", "- targets: [127.0.0.1:9464]"),
        ("path_prefix: /loki", "path_prefix: /run/data/loki"),
        ("dir: /loki/chunks", "dir: /run/data/loki/chunks"),
        ("dir: /loki/rules/fake", "dir: /run/tmp/rules/fake"),
        ("[/tmp, '/loki']", "[/run/tmp, '/run/data/loki']"),
    ],
)
def test_addresses_ports_and_paths_become_native_ones(written, native):
    assert CHANGES.apply(written) == native


@pytest.mark.parametrize(
    "text",
    [
        "loki",
        "job: loki",
        "loki:latest",
        "grafana/loki:3.7.8",
        "loki:9999",
        "my-loki:3100",
        "http://loki.example:3100",
        "http://example.org/loki/api",
        "http://127.0.0.1:8800/tmp",
        "/lokination",
        "/loki.yml",
        "/var/tmp",
        "10.0.0.0/8",
        "0.0.0.01",
        "report: 31000",
        "timeout: 3100",
        "my.host.docker.internal",
        "version 3100.2",
    ],
)
def test_what_only_resembles_an_address_or_path_stays_as_written(text):
    assert CHANGES.apply(text) == text


def test_inside_the_container_loopback_means_the_service_itself():
    assert CHANGES.apply_inside("http://127.0.0.1:3100/ready") == "http://127.0.0.1:13100/ready"
    assert CHANGES.apply_inside("localhost:3100") == "localhost:13100"
    assert CHANGES.apply_inside("3100") == "13100"
    assert CHANGES.apply_inside("127.0.0.1:8000") == "127.0.0.1:8000"


def test_a_copy_follows_its_source_and_tells_by_its_digest_when_it_changed(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    (source / "a.yml").write_text("dir: /loki\n")
    (source / "blob").write_bytes(b"\xff\xfe/loki")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)

    first = render_copy(source, target, CHANGES)
    assert (target / "a.yml").read_text() == "dir: /run/data/loki\n"
    assert (target / "blob").read_bytes() == b"\xff\xfe/loki"
    assert (target / "run.sh").stat().st_mode & 0o777 == 0o755
    assert render_copy(source, target, CHANGES) == first

    (source / "a.yml").rename(source / "b.yml")
    assert render_copy(source, target, CHANGES) != first
    assert sorted(path.name for path in target.iterdir()) == ["b.yml", "blob", "run.sh"]


def mounts() -> list[tuple[Service, Mount]]:
    services = read_topology(ROOT, {}).services.values()
    return [(service, mount) for service in services for mount in service.mounts if mount.kind == "bind"]


@nothing_is_wrong_with({f"{one.name} {mount.target}": (one, mount) for one, mount in mounts()})
def test_in_the_real_configuration_only_addresses_ports_and_paths_differ(bound, tmp_path) -> dict[str, object]:
    """A rendered copy, with every native place and address put back, is the file in the repository to the letter."""
    (service, mount), topology, layout = bound, read_topology(ROOT, {}), Layout(tmp_path)
    changes = substitutions(topology, service, NativeForm({}, {}), layout)
    source, target = Path(mount.source), Path(changes.paths[mount.target])

    render_copy(source, target, changes)

    lines = [
        pair
        for original in ([path for path in source.rglob("*") if path.is_file()] if source.is_dir() else [source])
        for copy in [target / original.relative_to(source)]
        for pair in zip(original.read_text().splitlines(), copy.read_text().splitlines(), strict=True)
    ]
    changed = [(before, after) for before, after in lines if before != after]
    return {"became": [pair for pair in changed if pair[1] not in readings(pair[0], topology, service, layout)]}


def readings(line: str, topology, service: Service, layout: Layout) -> set[str]:
    """What a line may become, told in another way than the engine's: every allowed replacement, done word by word."""
    names = {f"{other.name}:{port.target}" for other in topology.services.values() for port in other.ports}
    for name in sorted(names, key=len, reverse=True):
        line = re.sub(rf"(?<![\w.-]){name}(?!\d)", f"127.0.0.1:{name.rpartition(':')[2]}", line)
    line = line.replace("0.0.0.0", "127.0.0.1").replace("host.docker.internal", "127.0.0.1")
    places = {path: layout.scratch(service.name) / path[1:] for path in service.tmpfs}
    for mount in service.mounts:
        bind = layout.config / service.name / mount.target[1:]
        places[mount.target] = layout.volume(mount.source) if mount.kind == "volume" else bind
    words = re.split(r"((?:[\s\"'\[\]{},=]|\bfile:)+)", line)
    for index, word in enumerate(words):
        folder = max((path for path in places if word == path or word.startswith(f"{path}/")), key=len, default=None)
        if folder:
            words[index] = f"{places[folder]}{word.removeprefix(folder)}"
    return {"".join(words)}
