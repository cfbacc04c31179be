"""This repository's reader of docker-compose.yml and Docker Compose's own understand the same thing."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.engines.native import build
from sandbox.model import ROOT
from sandbox.model.compose import Service, read_topology

# The first run on a machine builds Docker Compose, which asks no engine for this.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What both read, without .env.local and releases: Compose is not given them, and a running stack changes them."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("docker-compose.yml", ".env"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def composed(root: Path) -> dict[str, dict]:
    compose = build.ensure_tools(["compose"])["docker-compose"]
    printed = subprocess.run(
        [compose, "--env-file", ".env", "--profile", "*", "config", "--format", "json"],
        cwd=root,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stderr == "", "docker compose config complains"
    return json.loads(printed.stdout)["services"]


def test_docker_compose_and_the_native_engine_read_the_same_stack(root, composed):
    topology = read_topology(root, {})

    assert set(composed) == set(topology.services)
    for name, service in topology.services.items():
        assert as_compose_says(composed[name]) == as_read_here(service), name


def as_compose_says(service: dict) -> dict[str, object]:
    healthcheck = service.get("healthcheck")
    return {
        "argv": (service["entrypoint"] or []) + (service["command"] or []),
        "image": service["image"],
        # A name without a value is handed on from the environment, in which there is none here.
        "environment": {k: str(value) for k, value in service.get("environment", {}).items() if value is not None},
        "ports": [(p["host_ip"], int(p["published"]), p["target"]) for p in service.get("ports", [])],
        "exposed": [int(port) for port in service.get("expose", [])],
        "mounts": [
            (mount["type"], mount["source"], mount["target"], mount.get("read_only", False))
            for mount in service.get("volumes", [])
        ],
        "tmpfs": [path.partition(":")[0] for path in service.get("tmpfs", [])],
        "depends_on": {other: how["condition"] for other, how in service.get("depends_on", {}).items()},
        "test": healthcheck and healthcheck["test"][1:],
        "memory": int(service["mem_limit"]),
        "build": "build" in service and (service["build"]["context"], service["build"]["args"]),
        "profiles": service.get("profiles", []),
    }


def as_read_here(service: Service) -> dict[str, object]:
    return {
        "argv": service.argv,
        "image": service.image,
        "environment": service.environment,
        "ports": [(port.host, port.published, port.target) for port in service.ports],
        "exposed": service.exposed,
        "mounts": [(mount.kind, mount.source, mount.target, mount.read_only) for mount in service.mounts],
        "tmpfs": service.tmpfs,
        "depends_on": service.depends_on,
        "test": service.healthcheck and service.healthcheck.test,
        "memory": service.memory_limit,
        "build": service.build is not None and (str(service.build.context), service.build.args),
        "profiles": service.profiles,
    }
