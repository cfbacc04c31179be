"""A start that fails or is interrupted names the cause, leaves nothing running, and the next `up` works."""

import signal
import socket

import pytest

pytestmark = pytest.mark.timeout(180)


def test_a_component_that_dies_is_named_with_its_last_output_and_all_is_stopped(checkout):
    checkout.settings("die\n")

    died = checkout.stack("up")

    assert died.returncode == 1
    assert "store ended at its start (exit status 1)" in died.stderr
    assert "cannot open the ledger: it is torn" in died.stderr
    assert "Next:" in died.stderr
    assert checkout.processes() == {}
    checkout.settings("greeting = hello\n")
    assert checkout.stack("up").returncode == 0


def test_a_port_in_use_is_reported_before_anything_starts(checkout):
    with socket.create_server(("127.0.0.1", checkout.ports["web"])):
        refused = checkout.stack("up")

    assert refused.returncode == 1
    assert f"{checkout.ports['web']} (web) is held by process" in refused.stderr
    assert "WEB_PORT=<free port>" in refused.stderr
    assert checkout.processes() == {}
    assert checkout.stack("up").returncode == 0


def test_a_wrong_value_is_reported_before_anything_starts(checkout):
    refused = checkout.stack("up", WEB_PORT="eighty")

    assert refused.returncode == 1
    assert "WEB_PORT is 'eighty' (the environment), but it must be a port number" in refused.stderr
    assert checkout.processes() == {}


def test_line_ends_of_windows_are_reported_before_anything_starts(checkout):
    checkout.settings("greeting = hello\r\n")

    refused = checkout.stack("up")

    assert refused.returncode == 1
    assert "conf/store.conf has the line ends of Windows" in refused.stderr
    assert checkout.processes() == {}


def test_a_second_up_while_one_runs_names_the_running_process(checkout):
    checkout.hold()
    with checkout.start("up") as first:
        checkout.wait_until("the first up has started the store", lambda: "store" in checkout.processes())
        second = checkout.stack("up")
        checkout.release()
        first.communicate(timeout=120)

    assert second.returncode == 1
    assert f"`make up` (process {first.pid}) is already running" in second.stderr
    assert first.returncode == 0


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_stops_what_it_had_started(checkout, kind):
    checkout.hold()
    with checkout.start("up") as up:
        checkout.wait_until("the store is starting", lambda: "store" in checkout.processes())
        up.send_signal(kind)
        _, errors = up.communicate(timeout=120)

    assert up.returncode == 130
    assert "Interrupted" in errors
    assert checkout.processes() == {}
    assert not checkout.layout.socket.exists()


def test_after_a_killed_up_the_next_one_finishes_its_work(checkout):
    checkout.hold()
    with checkout.start("up") as up:
        checkout.wait_until("the store is starting", lambda: "store" in checkout.processes())
        up.kill()
    checkout.release()

    again = checkout.stack("up")

    assert again.returncode == 0, again.stderr
    assert checkout.stack("down").returncode == 0
    assert checkout.processes() == {}


def test_after_a_killed_supervisor_status_reports_it_and_the_next_up_cleans_up(checkout):
    checkout.stack("up")
    checkout.processes()["process-compose"].kill()
    orphans = checkout.processes()

    status = checkout.stack("status")
    up = checkout.stack("up")

    assert {"store", "web"} <= set(orphans)
    assert status.returncode == 1
    assert "processes of an interrupted run remain" in status.stdout
    assert up.returncode == 0, up.stderr
    assert not set(orphans.values()) & set(checkout.processes().values())


def test_stopping_an_unknown_component_lists_the_known_ones(checkout):
    before_up = checkout.stack("stop", "store")
    checkout.stack("up")
    unknown = checkout.stack("stop", "shop")

    assert before_up.returncode == unknown.returncode == 1
    assert "The stack is down" in before_up.stderr
    assert "Choose from: store, web" in unknown.stderr
