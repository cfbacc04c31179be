"""What the supervisor says about a process is read the way Compose would: ready, failed, or neither yet."""

import dataclasses
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from threading import Thread
from typing import Any

import pytest

from sandbox.engines.native.leftovers import find
from sandbox.engines.native.logs import follow_logs, rotate_logs, tail
from sandbox.engines.native.project import write_project
from sandbox.engines.native.supervisor import ProcessState, Supervisor
from sandbox.model.layout import Layout

RUNNING = ProcessState("web", "Running", "Ready", probed=True, pid=1, restarts=0, exit_code=0)


def state(**changes) -> ProcessState:
    return dataclasses.replace(RUNNING, **changes)


@pytest.mark.parametrize(
    ("process", "ready"),
    [
        (state(), True),
        (state(health="Not Ready"), False),
        (state(health="-"), False),
        (state(health="-", probed=False), True),
        (state(status="Completed", probed=False), True),
        (state(status="Completed", probed=False, exit_code=1), False),
        (state(status="Completed"), False),
        (state(status="Pending", probed=False), False),
    ],
)
def test_a_process_is_ready_when_compose_would_say_so(process, ready):
    assert process.ready is ready


@pytest.mark.parametrize(
    ("process", "failed"),
    [
        (state(health="Not Ready"), False),
        (state(status="Pending"), False),
        (state(status="Completed", exit_code=1), True),
        (state(status="Error"), True),
        (state(status="Skipped"), True),
        (state(restarts=1), True),
        (state(status="Completed", probed=False), False),
    ],
)
def test_a_process_that_ended_or_was_restarted_has_failed(process, failed):
    assert process.failed() is failed


def test_restarts_from_before_are_not_held_against_a_process():
    assert not state(restarts=3).failed(restarts_before=3)
    assert state(restarts=4).failed(restarts_before=3)


def test_nobody_answers_where_no_supervisor_runs(tmp_path):
    assert not Supervisor(Layout(tmp_path)).alive()
    assert find(tmp_path) == []


ENTRY = {"status": "Running", "is_ready": "Ready", "has_ready_probe": True, "pid": 7, "restarts": 0, "exit_code": 0}


class Answers(BaseHTTPRequestHandler):
    """Gives the server's next answer to whatever is asked, and notes the question."""

    def do_POST(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        status, body = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_GET = do_PATCH = do_POST

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def told(tmp_path: Path) -> Iterator[tuple[Supervisor, UnixStreamServer]]:
    """A supervisor that gives the answers of its server's list."""
    layout = Layout(tmp_path)
    layout.socket.parent.mkdir(parents=True)
    write_project({"processes": {}}, layout.project)

    class Server(UnixStreamServer):
        def get_request(self) -> tuple[Any, tuple[str, int]]:
            return super().get_request()[0], ("unix", 0)

    with Server(str(layout.socket), Answers) as server:
        server.asked, server.answers = [], []
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield Supervisor(layout), server
        server.shutdown()


@pytest.mark.parametrize("gone", ["no such process", r"no such process\nno such process"])
def test_what_ended_before_it_was_waited_for_is_started_by_reading_once_more(told, gone):
    """process-compose forgets it, goes no further with it, and passes on what the system said of the late signal."""
    supervisor, server = told
    server.answers += [(200, '{"data":[]}'), (400, f'{{"error":"{gone}"}}'), (200, '{"store":"added"}')]

    assert supervisor.load({"processes": {}}) == {"store": "added"}
    assert server.asked == ["GET /processes", *["POST /project/configuration"] * 2]


def test_what_changed_has_ended_before_the_supervisor_reads_its_file(told):
    """It could take the old process for the new one, which then seems never to start."""
    supervisor, server = told
    write_project({"processes": {"store": {"command": "old"}, "web": {"command": "same"}}}, supervisor.layout.project)
    running = [ENTRY | {"name": name} for name in ("store", "web")]
    server.answers += [(200, json.dumps({"data": running})), (200, '{"name":"store"}')]
    server.answers += [(400, '{"error":"process store is not running"}'), (200, '{"store":"updated"}')]

    changed = supervisor.load({"processes": {"store": {"command": "new"}, "web": {"command": "same"}}})

    assert changed == {"store": "updated"}
    assert server.asked == ["GET /processes", *["PATCH /process/stop/store"] * 2, "POST /project/configuration"]


def test_started_process_is_not_taken_for_the_one_that_ended_before(told):
    """process-compose reports the end of the old process until the new one runs, and refuses a start too early."""
    supervisor, server = told
    old, new = ({"name": "store", "status": status, "pid": pid} for status, pid in (("Completed", 7), ("Running", 8)))
    ended, running = (200, json.dumps({"data": [ENTRY | old]})), (200, json.dumps({"data": [ENTRY | new]}))
    refused = (400, '{"error":"process store is already running"}')
    server.answers += [ended, refused, (200, '{"name":"store"}'), ended, ended, running]

    supervisor.start_process("store")

    assert server.asked == ["GET /processes", *["POST /process/start/store"] * 2, *["GET /processes"] * 3]


def test_what_ended_before_it_was_waited_for_is_stopped(told):
    supervisor, server = told
    server.answers.append((400, '{"error":"no such process"}'))

    supervisor.stop_process("store")

    assert server.asked == ["PATCH /process/stop/store"]


@pytest.mark.parametrize("error", ["no such process: store", r"no such process\nthe file is torn"])
def test_any_other_error_of_a_new_configuration_is_raised(told, error):
    supervisor, server = told
    server.answers += [(200, '{"data":[]}'), (400, f'{{"error":"{error}"}}')]

    with pytest.raises(ConnectionError, match="/project/configuration: 400"):
        supervisor.load({"processes": {}})


def test_the_logs_of_one_run_before_are_kept(tmp_path):
    layout = Layout(tmp_path)
    for number in (1, 2, 3):
        rotate_logs(layout)
        layout.log("web").write_text(f"run {number}\n")

    assert tail(layout.log("web"), 5) == ["run 3"]
    assert tail(layout.previous_logs / "web.log", 5) == ["run 2"]
    assert tail(layout.log("none"), 5) == []


def test_the_last_lines_come_first_and_then_what_is_added(tmp_path):
    layout = Layout(tmp_path)
    layout.logs.mkdir(parents=True)
    layout.log("web").write_text("one\ntwo\nthree\n")

    lines = follow_logs(layout, ["web", "store"], lines=2, follow=True)

    assert [next(lines), next(lines)] == ["web   | two", "web   | three"]
    with layout.log("web").open("a") as log:
        log.write("four\nhalf a li")
    assert next(lines) == "web   | four"
    with layout.log("web").open("a") as log:
        log.write("ne\n")
    assert next(lines) == "web   | half a line"
