"""What `up` asks to learn that a component is ready."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sandbox.engines.native import health


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/ready": 200, "/not-ready": 503}[self.path])
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("path", "ready"), [("/ready", True), ("/not-ready", False)])
def test_only_a_page_that_answers_well_counts_as_ready(port: int, path: str, ready: bool) -> None:
    assert health.answers({"host": "127.0.0.1", "port": str(port), "path": path}) is ready


def test_nobody_listening_counts_as_not_ready() -> None:
    assert not health.answers({"host": "127.0.0.1", "port": "1", "path": "/ready"})


def test_pages_are_those_of_the_supervisors_own_probes(tmp_path: Path) -> None:
    page = {"scheme": "http", "host": "127.0.0.1", "port": "3100", "path": "/ready"}
    processes = {
        "loki": {"readiness_probe": {"http_get": page}},
        "postgres": {"readiness_probe": {"exec": {}}},
        "x": {},
    }
    project = tmp_path / "processes.json"
    project.write_text(json.dumps({"processes": processes}))

    assert health.pages(project) == {"loki": page}
