"""docker-compose.yml and its variables are read the way Compose reads them, and mistakes are told plainly."""

from pathlib import Path

import pytest

from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError
from sandbox.model.variables import interpolate, read_variables

MINIMAL = """
name: small
x-shared: &shared
  restart: unless-stopped
  environment: {FROM: anchor, HANDED_ON: }
services:
  web:
    <<: *shared
    image: ${IMAGE_WEB:-example/web:1}
    entrypoint: ["web"]
    command: --level debug "two words"
    ports: ["127.0.0.1:${WEB_PORT}:80"]
    volumes: ["./conf:/etc/web:ro", "data:/var/web"]
    tmpfs: /tmp:size=64m
    mem_limit: 64m
    stop_grace_period: 1m30s
    healthcheck: {test: "curl -f http://127.0.0.1:80/", interval: 500ms, timeout: 2s, retries: 4, start_period: 1m}
    depends_on: [store]
  store:
    image: example/store:2
    entrypoint: ["store", "$$HOME"]
    environment: [A=1, "B=x=y"]
    profiles: [extra]
volumes: {data: {}}
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "docker-compose.yml").write_text(MINIMAL)
    (tmp_path / ".env").write_text("WEB_PORT=8080\n")
    return tmp_path


def test_anchors_merges_and_short_forms_become_typed_values(checkout):
    web = read_topology(checkout, {}).services["web"]

    assert web.environment == {"FROM": "anchor"}
    assert web.argv == ["web", "--level", "debug", "two words"]
    assert (web.ports[0].host, web.ports[0].published, web.ports[0].target) == ("127.0.0.1", 8080, 80)
    assert web.ports[0].variable == "WEB_PORT"
    assert [(mount.kind, mount.target, mount.read_only) for mount in web.mounts] == [
        ("bind", "/etc/web", True),
        ("volume", "/var/web", False),
    ]
    assert web.mounts[0].source == str(checkout / "conf")
    assert web.tmpfs == ["/tmp"]
    assert web.memory_limit == 64 * 2**20
    assert web.stop_grace_period == 90
    assert web.depends_on == {"store": "service_started"}


def test_a_health_check_written_as_one_string_runs_in_a_shell(checkout):
    check = read_topology(checkout, {}).services["web"].healthcheck

    assert check.test == ["/bin/sh", "-c", "curl -f http://127.0.0.1:80/"]
    assert (check.interval, check.timeout, check.retries, check.start_period) == (0.5, 2, 4, 60)


def test_doubled_dollars_stay_one_dollar_and_lists_of_variables_are_understood(checkout):
    store = read_topology(checkout, {}).services["store"]

    assert store.entrypoint == ["store", "$HOME"]
    assert store.environment == {"A": "1", "B": "x=y"}


def test_the_environment_wins_over_env_local_which_wins_over_env(checkout):
    def port(environment: dict[str, str]) -> int:
        return read_topology(checkout, environment).services["web"].ports[0].published

    assert port({}) == 8080
    (checkout / ".env.local").write_text("# mine\n\nWEB_PORT=8181\n")
    assert port({}) == 8181
    assert port({"WEB_PORT": "8282"}) == 8282


def test_a_service_with_a_profile_runs_only_when_the_profile_is_asked_for(checkout):
    (checkout / "docker-compose.yml").write_text(MINIMAL.replace("    depends_on: [store]\n", ""))
    topology = read_topology(checkout, {})

    assert list(topology.selected()) == ["web"]
    assert list(topology.selected(profiles={"extra"})) == ["web", "store"]


def test_leaving_out_what_another_service_needs_is_refused(checkout):
    topology = read_topology(checkout, {})

    with pytest.raises(StackError, match="web cannot start without store"):
        topology.selected(profiles={"extra"}, without={"store"})
    with pytest.raises(StackError, match="no such service"):
        topology.selected(without={"stroe"})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}", "1"),
        ("$A", "1"),
        ("${MISSING:-fallback}", "fallback"),
        ("${EMPTY:-fallback}", "fallback"),
        ("${MISSING:-http://${A}@host}", "http://1@host"),
        ("${A:?needed}", "1"),
        ("${A:+set}", "set"),
        ("100% $$A $${A}", "100% $A ${A}"),
        (r"back\slash ${A}", r"back\slash 1"),
    ],
)
def test_variables_are_filled_in_as_compose_does(text, filled):
    assert interpolate(text, {"A": "1", "EMPTY": ""}, "here") == filled


@pytest.mark.parametrize("text", ["${A-b}", "${A?b}", "${A+b}"])
def test_forms_without_a_colon_are_refused_rather_than_misread(text):
    with pytest.raises(StackError, match="uses"):
        interpolate(text, {"A": ""}, "here")
    assert interpolate(f"${text}", {}, "here") == text


@pytest.mark.parametrize("text", ["${MISSING}", "${MISSING:?set it to dev}", "${EMPTY:?set it to dev}"])
def test_a_missing_variable_is_named_with_its_place_and_a_next_step(text):
    with pytest.raises(StackError) as caught:
        interpolate(text, {"EMPTY": ""}, "docker-compose.yml, service web")

    assert "docker-compose.yml, service web" in caught.value.problem
    assert text[2:].partition(":")[0].rstrip("}") in caught.value.next_step


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("WEB_PORT=80o0", "a port number from 1 to 65535"),
        ("WEB_PORT=70000", "a port number from 1 to 65535"),
        ("WEB_PORT=0", "a port number from 1 to 65535"),
        ("DEPLOYMENT_ENVIRONMENT=production", "dev, staging or prod"),
        ("IMAGE_WEB=", "an image reference"),
        ("WEB_VERSION=1.0 beta", "a version"),
        ("WEB_PASSWORD=p@ss/word", "letters, digits"),
        ("WEB_SENTRY_KEY=abc", "32 hexadecimal digits"),
        ("WEB_SECRET_KEY=short", "at least 50 characters"),
    ],
)
def test_a_wrong_value_is_reported_with_its_line_and_the_allowed_values(tmp_path, line, allowed):
    (tmp_path / ".env").write_text(f"# a comment\n\n{line}\n")

    with pytest.raises(StackError) as caught:
        read_variables(tmp_path, {})

    name, _, value = line.partition("=")
    assert name in caught.value.problem
    assert repr(value) in caught.value.problem
    assert ".env line 3" in caught.value.problem
    assert allowed in caught.value.problem


def test_two_variables_with_one_port_are_refused_before_anything_starts(tmp_path):
    (tmp_path / ".env").write_text("A_PORT=8000\nB_PORT=8000\n")

    with pytest.raises(StackError, match=r"B_PORT \(.env line 2\) and A_PORT \(.env line 1\) are both 8000"):
        read_variables(tmp_path, {})


def test_a_misspelt_name_in_env_local_is_noticed_and_the_right_one_offered(checkout):
    (checkout / ".env.local").write_text("WBE_PORT=8181\n")

    with pytest.raises(StackError, match=r"WBE_PORT, which nothing reads\. Did you mean WEB_PORT\?"):
        read_variables(checkout, {})


def test_a_line_that_is_no_assignment_is_named(checkout):
    (checkout / ".env").write_text("WEB_PORT=8080\nWEB_PORT\n")

    with pytest.raises(StackError, match=r"\.env line 2 is not understood"):
        read_variables(checkout, {})


def test_broken_yaml_is_reported_with_its_line(checkout):
    (checkout / "docker-compose.yml").write_text("services:\n  web: [\n")

    with pytest.raises(StackError, match=r"docker-compose.yml line \d+ is not YAML"):
        read_topology(checkout, {})


def test_waiting_for_the_health_of_a_service_without_a_check_is_refused(checkout):
    text = MINIMAL.replace("depends_on: [store]", "depends_on: {store: {condition: service_healthy}}")
    (checkout / "docker-compose.yml").write_text(text)

    with pytest.raises(StackError, match="store, which has no health check"):
        read_topology(checkout, {})
