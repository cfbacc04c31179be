"""Starting, changing and stopping the stack with the commands that `make` runs."""

import json
import urllib.request

import pytest

from sandbox.engines.native.engine import NativeEngine
from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError

pytestmark = pytest.mark.timeout(180)
JOB = """
  job:
    image: lifecycle/job:1
    build: app
    entrypoint: ["python", "-c"]
    command: ["CODE"]
"""


def test_up_ends_when_all_is_healthy_and_a_second_up_touches_nothing(checkout):
    first = checkout.stack("up")
    before = checkout.processes()
    second = checkout.stack("up")

    assert first.returncode == 0, first.stderr
    assert f"http://127.0.0.1:{checkout.ports['web']}" in first.stdout
    assert second.returncode == 0
    assert "it runs there already" in second.stdout
    assert checkout.processes() == before
    assert checkout.stack("status").returncode == 0


def test_status_is_healthy_as_soon_as_up_ends(checkout):
    for _ in range(3):
        up, status = checkout.stack("up"), checkout.stack("status")
        checkout.stack("down")

        assert up.returncode == 0, up.stderr
        assert status.returncode == 0, status.stdout


def test_addresses_of_the_stack_are_those_of_this_machine(checkout):
    checkout.stack("up")

    with urllib.request.urlopen(f"http://127.0.0.1:{checkout.ports['web']}/", timeout=5) as answer:
        assert json.load(answer)["peer"] == f"127.0.0.1:{checkout.ports['store']}"


def test_down_leaves_no_process_and_no_socket_but_the_data(checkout):
    checkout.stack("up")

    down = checkout.stack("down")

    assert down.returncode == 0
    assert checkout.processes() == {}
    assert not checkout.layout.socket.exists()
    assert (checkout.layout.data / "store-data" / "starts").exists()
    assert "Nothing was running" in checkout.stack("down").stdout


def test_clean_says_what_it_deletes_and_deletes_it(checkout):
    checkout.stack("up")

    clean = checkout.stack("clean")

    assert clean.returncode == 0
    assert "Removed what the components stored: .run/data" in clean.stdout
    assert not checkout.layout.data.exists()
    assert checkout.processes() == {}


def test_status_names_a_component_that_ended_and_up_starts_it(checkout):
    checkout.stack("up")
    before = checkout.processes()
    before["store"].kill()
    checkout.wait_until("the store is gone", lambda: "store" not in checkout.processes())

    status = checkout.stack("status")
    up = checkout.stack("up")

    assert status.returncode == 1
    assert "Not healthy: store" in status.stdout
    assert up.returncode == 0
    assert "store: started again" in up.stdout
    assert checkout.processes()["web"] == before["web"]


def test_a_component_that_may_restart_is_restarted_without_us(checkout):
    checkout.stack("up")
    killed = checkout.processes()["web"]
    killed.kill()

    checkout.wait_until("web runs again", lambda: checkout.processes().get("web", killed) != killed)


def test_a_changed_configuration_file_restarts_only_its_readers(checkout):
    checkout.stack("up")
    before = checkout.processes()

    checkout.settings("greeting = goodbye\n")
    up = checkout.stack("up")

    after = checkout.processes()
    assert up.returncode == 0, up.stderr
    assert after["web"] == before["web"]
    assert after["store"] != before["store"]
    with urllib.request.urlopen(f"http://127.0.0.1:{checkout.ports['store']}/", timeout=5) as answer:
        assert "goodbye" in json.load(answer)["settings"]


def test_variables_of_other_programs_are_reported_as_ignored_and_reach_no_process(checkout):
    others = (
        "OTEL_SERVICE_NAME",
        "SENTRY_AUTH_TOKEN",
        "COMPOSE_PROJECT_NAME",
        "GF_PATHS_DATA",
        "AWS_SECRET_ACCESS_KEY",
    )
    shell = dict.fromkeys((*others, "PGPASSWORD", "LOKI_ADDR", "DOCKER_CONFIG"), "of-a-shell")
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://of-a-shell:9")

    up = checkout.stack("up", **shell, **proxies)

    assert up.returncode == 0, up.stderr
    [said] = [line for line in up.stdout.splitlines() if line.startswith("Your environment: ")]
    told = {*others, *proxies} - {"AWS_SECRET_ACCESS_KEY"}
    assert sorted(name for name in (*shell, *proxies) if f"{name}," in said or f"{name} (" in said) == sorted(told)
    running = checkout.processes()
    assert {"store", "web", "process-compose"} <= set(running)
    assert [name for name, process in running.items() if "of-a-shell" in repr(process.environ())] == []


def test_a_setting_from_the_shell_is_used_and_reported(checkout):
    up = checkout.stack("up", STORE_VERSION="2.0.0")

    assert up.returncode == 0, up.stderr
    assert "Your environment: took STORE_VERSION over .env" in up.stdout
    assert "2.0.0" in up.stdout


def test_a_service_added_to_the_file_runs_with_no_other_change(checkout):
    compose = checkout.root / "docker-compose.yml"
    web = compose.read_text().partition("  web:")[2].partition("\nvolumes:")[0]
    third = web.replace("WEB_PORT", "THIRD_PORT").replace("8100", "8200")
    compose.write_text(compose.read_text().replace("\nvolumes:", f"\n  third:{third}\nvolumes:"))

    up = checkout.stack("up", THIRD_PORT=str(checkout.ports["third"]))

    assert up.returncode == 0, up.stderr
    assert f"http://127.0.0.1:{checkout.ports['third']}" in up.stdout
    assert "third" in checkout.processes()


def test_replacing_a_one_time_job_waits_for_its_end_and_reports_a_failure(checkout):
    def replace(code: str) -> None:
        compose.write_text(without.replace("\nvolumes:", JOB.replace("CODE", code) + "\nvolumes:"))
        topology = read_topology(checkout.root)
        NativeEngine(topology, topology.selected()).replace("job", lambda _line: None)

    compose = checkout.root / "docker-compose.yml"
    without = compose.read_text()
    compose.write_text(without.replace("\nvolumes:", JOB.replace("CODE", "pass") + "\nvolumes:"))
    assert checkout.stack("up").returncode == 0
    done = checkout.root / "done"

    replace(f"import time, pathlib; time.sleep(1); pathlib.Path('{done}').touch()")
    assert done.exists(), "it had ended when the replacing had"
    with pytest.raises(StackError, match="job ended"):
        replace("import time, sys; time.sleep(1); sys.exit(3)")


def test_one_component_is_stopped_and_started_while_the_others_run_on(checkout):
    checkout.stack("up")
    before = checkout.processes()

    stop = checkout.stack("stop", "store")
    stopped, status = checkout.processes(), checkout.stack("status")
    start = checkout.stack("start", "store")
    after = checkout.processes()

    assert stop.returncode == 0, stop.stderr
    assert "store" not in stopped
    assert "Not healthy: store" in status.stdout
    assert start.returncode == 0, start.stderr
    assert after["store"] != before["store"]
    assert stopped["web"] == after["web"] == before["web"]


def test_a_component_is_killed_like_a_crash_and_started_again(checkout):
    checkout.stack("up")
    before = checkout.processes()["store"]

    kill = checkout.stack("kill", "store")
    checkout.wait_until("the store is gone", lambda: checkout.processes().get("store") != before)
    start = checkout.stack("start", "store")

    assert (kill.returncode, start.returncode) == (0, 0), start.stderr
    assert "store" in checkout.processes()


def test_up_starts_a_stopped_component_that_has_no_health_check(checkout):
    compose = checkout.root / "docker-compose.yml"
    *_, check = (line for line in compose.read_text().splitlines() if "healthcheck:" in line)
    compose.write_text(compose.read_text().replace(f"{check}\n", ""))
    checkout.stack("up")
    checkout.stack("stop", "web")
    assert "web" not in checkout.processes()

    up = checkout.stack("up")

    assert up.returncode == 0, up.stderr
    assert "web: started again" in up.stdout
    assert "web" in checkout.processes()
