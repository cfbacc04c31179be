"""docker-compose.yml keeps the rules at its head, which make two engines possible, and those of a hardened stack."""

import re
from pathlib import Path

from sandbox.engines.kubernetes import chart
from sandbox.engines.native import images
from sandbox.model import ROOT
from sandbox.model.compose import Service, read_topology
from tests.support.checklist import nothing_is_wrong_with

TOPOLOGY = read_topology(ROOT, {})
SERVICES = TOPOLOGY.services
ONE_SHOT = {name: service for name, service in SERVICES.items() if service.restart == "no"}
LONG_RUNNING = {name: service for name, service in SERVICES.items() if name not in ONE_SHOT}
BUILT = {service.image for service in SERVICES.values() if service.build}


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


@nothing_is_wrong_with(SERVICES)
def test_entrypoint_and_command_are_both_stated(service):
    return {"does not state": {"entrypoint", "command"} - set(service.raw)}


@nothing_is_wrong_with(SERVICES)
def test_ports_are_published_on_loopback_under_the_same_number_with_the_host_side_from_env(service):
    return {
        "published beyond loopback": [port.target for port in service.ports if port.host != "127.0.0.1"],
        "host side is not in .env": [port.target for port in service.ports if port.variable not in TOPOLOGY.variables],
        "another number outside": [port.target for port in service.ports if port.published != port.target],
    }


@nothing_is_wrong_with(SERVICES)
def test_who_is_named_with_a_port_has_that_port(service):
    addresses = re.findall(rf"(?<![\w.-])(?<![^/]/)({'|'.join(SERVICES)}):(\d+)(?!\d)", configuration_of(service))
    listening = {(name, str(port.target)) for name, other in SERVICES.items() for port in other.ports}
    return {"talks to": set(addresses) - listening}


@nothing_is_wrong_with(LONG_RUNNING)
def test_nothing_binds_the_containers_own_loopback(service):
    """What binds 127.0.0.1 in a container is reached by nobody; the engine turns 0.0.0.0 into loopback natively."""
    ports = "|".join(str(port.target) for port in service.ports)
    bound = rf"(listen|bind|endpoint)\S*\s*[:=]\s*\W*(127\.0\.0\.1|localhost):({ports})\b"
    return {"binds": [line for line in configuration_of(service).splitlines() if ports and re.search(bound, line)]}


@nothing_is_wrong_with(SERVICES)
def test_a_service_runs_without_rights_that_it_does_not_need(service):
    raw, in_docker = service.raw, service.engine == "docker"
    return {
        "can write its image": raw["read_only"] is not True,
        "keeps capabilities": raw["cap_drop"] != ["ALL"] or ("cap_add" in raw and not in_docker),
        "may gain privileges": raw["security_opt"] != ["no-new-privileges:true"] or "privileged" in raw,
        "may take all memory": not service.memory_limit,
        "commands Docker": any("docker.sock" in mount.source for mount in service.mounts),
        "is root or of no group": not in_docker and not re.fullmatch(r"0*[1-9]\d*:.+", str(raw["user"])),
    }


@nothing_is_wrong_with(LONG_RUNNING)
def test_a_service_is_restarted_and_its_log_is_rotated(service):
    return {
        "stays away when it ends": service.restart != "unless-stopped",
        "its log has no": {"max-size", "max-file"} - set(service.raw["logging"]["options"]),
    }


@nothing_is_wrong_with(LONG_RUNNING)
def test_health_is_asked_by_a_program_that_the_image_has(service):
    if service.healthcheck is None:
        asked = [other.healthcheck.test for other in SERVICES.values() if other.healthcheck]
        return {"nothing asks for its health": not any(f"{service.name}:" in " ".join(words) for words in asked)}
    # What this repository builds is made from the Python image.
    image = images.load().image(TOPOLOGY.variables["IMAGE_PYTHON"] if service.image in BUILT else service.image)
    programs = {name for path in image.programs for name in image.names(path)}
    # An image that cannot be run natively is described by what its base brings.
    return {"its image lacks": not image.without and {service.healthcheck.test[0]} - programs}


@nothing_is_wrong_with(SERVICES)
def test_images_are_pinned_in_env_at_a_version_the_native_engine_has(service):
    if service.image not in BUILT:
        images.load().check_pin(service.image)
    pins = {*BUILT, *TOPOLOGY.variables.values()}
    return {"not in .env": {service.image} - pins, "changes by itself": "latest" in service.version}


@nothing_is_wrong_with(SERVICES)
def test_no_registry_is_asked_for_a_name_of_the_projects_own(service):
    """Whoever takes the name there would run in the stack. `up --build` builds what has `build`, in any subset."""
    own, policy = service.image.startswith("observability-sandbox/"), service.raw.get("pull_policy")
    return {
        "is built here or has a name of ours, not both": own != (service.build is not None),
        "another pull_policy": policy != ("never" if own else None),
    }


@nothing_is_wrong_with(SERVICES)
def test_proxies_that_docker_hands_to_containers_are_emptied(service):
    names = [name for name in ("http_proxy", "https_proxy", "all_proxy") for name in (name, name.upper())]
    kept = [name for name in names if service.environment.get(name) != ""]
    return {"keeps": service.raw.get("network_mode") != "none" and kept}


@nothing_is_wrong_with(SERVICES)
def test_health_is_asked_with_a_start_period_and_processes_are_limited(service):
    """A start_interval, which `make up` adds where it can, is refused without a start_period."""
    return {
        "few processes, or any number": not service.raw["pids_limit"] >= 64,
        "no start_period": bool(service.healthcheck) and not service.healthcheck.start_period > 0,
    }


@nothing_is_wrong_with(SERVICES)
def test_files_of_the_repository_are_mounted_read_only_and_exist(service):
    mounts = zip(service.mounts, service.raw.get("volumes", []), strict=True)
    bound = [(mount, text, Path(mount.source)) for mount, text in mounts if mount.kind == "bind"]
    return {
        "may write": [text for mount, text, _ in bound if not mount.read_only],
        # SELinux lets no container read it then.
        "without a label": [text for _, text, _ in bound if "z" not in text.rpartition(":")[2].split(",")],
        "not there": [text for _, text, path in bound if not (path.exists() and path.is_relative_to(ROOT))],
    }


def test_every_volume_is_declared_and_used():
    used = {mount.source for service in SERVICES.values() for mount in service.mounts if mount.kind == "volume"}

    assert used == set(TOPOLOGY.volumes)


def test_a_one_shot_service_always_has_a_long_running_dependant():
    """`docker compose up --wait` fails on a container that has ended, unless a running one waited for its success."""
    for name in ONE_SHOT:
        conditions = [service.depends_on.get(name) for service in LONG_RUNNING.values()]
        assert "service_completed_successfully" in conditions, name


# Read by the chart and the engine of Kubernetes instead.
OF_A_CLUSTER = {
    *(f"IMAGE_{name.upper()}" for name in chart.OF_A_CLUSTER),
    "PROMETHEUS_PAIR_PORT",
    "S3_ACCESS_KEY",
    "S3_SECRET_ACCESS_KEY",
}


def test_env_holds_what_compose_and_the_chart_read_and_nothing_else():
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    read = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    optional = set(re.findall(r"\$\{(\w+):[-+]", text))
    written = set(re.findall(r"^(\w+)=", (ROOT / ".env").read_text(encoding="utf-8"), re.MULTILINE))

    assert written - read == OF_A_CLUSTER, "in .env, but docker-compose.yml does not read it"
    assert read - optional - written == set(), "read by docker-compose.yml without a default, but not in .env"
