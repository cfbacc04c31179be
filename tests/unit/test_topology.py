"""docker-compose.yml keeps the rules at its head, which make two engines possible, and those of a hardened stack."""

import re
from pathlib import Path

import pytest

from native import images
from stack.compose import Service, read_topology

ROOT = Path(__file__).resolve().parents[2]
TOPOLOGY = read_topology(ROOT, {})
SERVICES = list(TOPOLOGY.services.values())
ONE_SHOT = [service for service in SERVICES if service.restart == "no"]
LONG_RUNNING = [service for service in SERVICES if service not in ONE_SHOT]
every_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
every_long_running_service = pytest.mark.parametrize("service", LONG_RUNNING, ids=lambda service: service.name)


def configuration_of(service: Service) -> str:
    """Everything that tells a service whom to talk to: arguments, environment and mounted files."""
    files = [path for mount in service.mounts if mount.kind == "bind" for path in [Path(mount.source)]]
    texts = [
        file.read_text(encoding="utf-8", errors="replace")
        for path in files
        for file in (path.rglob("*") if path.is_dir() else [path])
        if file.is_file()
    ]
    return "\n".join([*service.argv, *service.environment.values(), *texts])


@every_service
def test_entrypoint_and_command_are_both_stated(service):
    assert {"entrypoint", "command"} <= set(service.raw)


@every_service
def test_ports_are_published_on_loopback_with_the_host_side_from_env(service):
    for port in service.ports:
        assert port.host == "127.0.0.1"
        assert port.variable in TOPOLOGY.variables, f"{service.name}: write the host side of {port.target} in .env"


@every_service
def test_the_same_port_numbers_are_used_inside_and_outside(service):
    assert [port.published for port in service.ports] == [port.target for port in service.ports]


def test_no_two_services_use_one_port():
    ports = [number for service in SERVICES for number in [*(p.target for p in service.ports), *service.exposed]]

    assert sorted(ports) == sorted(set(ports))


@every_service
def test_who_is_named_with_a_port_has_that_port(service):
    names = "|".join(TOPOLOGY.services)
    for name, port in re.findall(rf"(?<![\w./-])({names}):(\d+)(?!\d)", configuration_of(service)):
        targets = [port.target for port in TOPOLOGY.services[name].ports]
        assert int(port) in targets, f"{service.name} talks to {name}:{port}, but {name} has {targets}"


@every_long_running_service
def test_nothing_binds_the_containers_own_loopback(service):
    """What binds 127.0.0.1 in a container is reached by nobody; the engine turns 0.0.0.0 into loopback natively."""
    for port in service.ports:
        for line in configuration_of(service).splitlines():
            bound = re.search(rf"(listen|bind|endpoint)\S*\s*[:=]\s*\W*(127\.0\.0\.1|localhost):{port.target}\b", line)
            assert not bound, f"{service.name}: {line.strip()}"


@every_service
def test_a_service_runs_without_rights_that_it_does_not_need(service):
    raw = service.raw
    assert raw["read_only"] is True
    assert raw["cap_drop"] == ["ALL"]
    assert raw["security_opt"] == ["no-new-privileges:true"]
    assert service.memory_limit
    assert "privileged" not in raw
    assert not any("docker.sock" in mount.source for mount in service.mounts)
    if service.engine != "docker":
        assert "cap_add" not in raw
        user, _, group = str(raw["user"]).partition(":")
        assert int(user) > 0
        assert group


@every_long_running_service
def test_a_service_is_restarted_and_its_log_is_rotated(service):
    assert service.restart == "unless-stopped"
    options = service.raw["logging"]["options"]
    assert {"max-size", "max-file"} <= set(options)


@every_long_running_service
def test_health_is_asked_by_a_program_that_the_image_has(service):
    if service.healthcheck is None:
        asked_by = [s for s in SERVICES if s.healthcheck and f"{service.name}:" in " ".join(s.healthcheck.test)]
        assert asked_by, f"nothing asks for the health of {service.name}"
        return
    # What this repository builds is made from the Python image.
    built = {s.image for s in SERVICES if s.build}
    image = images.load().image(TOPOLOGY.variables["IMAGE_PYTHON"] if service.image in built else service.image)
    programs = {name for path in image.programs for name in image.names(path)}
    # An image that cannot be run natively is described by what its base brings.
    assert service.healthcheck.test[0] in programs or image.without


@every_service
def test_images_are_pinned_in_env_at_a_version_the_native_engine_has(service):
    assert "latest" not in service.version
    if service.image not in {s.image for s in SERVICES if s.build}:
        assert service.image in TOPOLOGY.variables.values()
        images.load().check_pin(service.image)


@every_service
def test_no_registry_is_asked_for_a_name_of_the_projects_own(service):
    """Whoever takes the name there would run in the stack. `up --build` builds what has `build`, in any subset."""
    own = service.image.startswith("observability-sandbox/")

    assert own == (service.build is not None)
    assert service.raw.get("pull_policy") == ("never" if own else None)


@every_service
def test_proxies_that_docker_hands_to_containers_are_emptied(service):
    if service.raw.get("network_mode") == "none":
        return
    names = [name for name in ("http_proxy", "https_proxy", "all_proxy") for name in (name, name.upper())]

    assert {name: service.environment.get(name) for name in names} == dict.fromkeys(names, "")


@every_service
def test_health_is_asked_with_a_start_period_and_processes_are_limited(service):
    """A start_interval, which `make up` adds where it can, is refused without a start_period."""
    assert service.raw["pids_limit"] >= 64
    if service.healthcheck:
        assert service.healthcheck.start_period > 0


@every_service
def test_files_of_the_repository_are_mounted_read_only_and_exist(service):
    for mount, text in zip(service.mounts, service.raw.get("volumes", []), strict=True):
        if mount.kind == "bind":
            assert mount.read_only
            # Without the label SELinux lets no container read it.
            assert "z" in text.rpartition(":")[2].split(",")
            assert Path(mount.source).exists()
            assert Path(mount.source).is_relative_to(ROOT)


def test_every_volume_is_declared_and_used():
    used = {mount.source for service in SERVICES for mount in service.mounts if mount.kind == "volume"}

    assert used == set(TOPOLOGY.volumes)


def test_a_one_shot_service_always_has_a_long_running_dependant():
    """`docker compose up --wait` fails on a container that has ended, unless a running one waited for its success."""
    for one_shot in ONE_SHOT:
        conditions = [service.depends_on.get(one_shot.name) for service in LONG_RUNNING]
        assert "service_completed_successfully" in conditions


def test_env_holds_what_compose_reads_and_nothing_else():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    read = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    optional = set(re.findall(r"\$\{(\w+):[-+]", text))
    written = set(re.findall(r"^(\w+)=", (ROOT / ".env").read_text(encoding="utf-8"), re.MULTILINE))

    assert written - read == set(), "in .env, but docker-compose.yml does not read it"
    assert read - optional - written == set(), "read by docker-compose.yml without a default, but not in .env"
