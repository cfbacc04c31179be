"""`make load` sends people who behave, says how they were served, and finds all of them in the stores."""

import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from loadtest.locust_run import send_people
from sandbox.model.stack import Stack
from sandbox_testing import direct
from tests.support.evidence import Evidence


@pytest.fixture(scope="module")
def loaded(stack: Stack) -> subprocess.CompletedProcess[str]:
    """A small load, sent as a person sends it; it also makes Locust's environment."""
    command = ["make", "--no-print-directory", "load", "USERS=4", "DURATION=5s"]
    return subprocess.run(command, cwd=stack.root, capture_output=True, text=True, timeout=300, check=False)


def test_load_is_served_and_every_request_of_it_is_found(
    loaded: subprocess.CompletedProcess[str], evidence: Evidence
) -> None:
    """Without this a number about the load is believed that nobody compared with what was stored."""
    assert loaded.returncode == 0, loaded.stdout + loaded.stderr
    said = loaded.stdout
    [(sent, failed)] = re.findall(r"^all +(\d+) +(\d+)", said, re.MULTILINE)
    seen = re.findall(r"^  (.+): (\d+) of (\d+) \(all\)$", said, re.MULTILINE)
    evidence(sent=int(sent), seen={what: int(found) for what, found, _ in seen})
    assert int(sent) > 10
    assert int(failed) == 0
    assert [wanted for what, _, wanted in seen if "gateway" in what or "requests" in what] == [sent] * 3
    assert len(seen) == 5
    assert "What failed" not in said


@pytest.fixture
def neighbour(stack: Stack) -> Iterator[list[int]]:
    """Somebody else at the gateway, who never rests; the status of each of their requests."""
    answers: list[int] = []
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=stack.url("gateway"), timeout=10.0, verify=direct.certificates()) as client:
            while not over.wait(0.1):
                answers.append(client.get("/welcome").status_code)

    thread = threading.Thread(target=ask)
    thread.start()
    yield answers
    over.set()
    thread.join()


def test_load_counts_its_own_requests_while_others_send_theirs(
    loaded: subprocess.CompletedProcess[str], neighbour: list[int], stack: Stack, evidence: Evidence
) -> None:
    """Without this a colleague with a browser makes every load fail."""
    command = ["make", "--no-print-directory", "load", "USERS=4", "DURATION=5s"]
    beside = subprocess.run(command, cwd=stack.root, capture_output=True, text=True, timeout=300, check=False)
    assert beside.returncode == 0, beside.stdout + beside.stderr
    [sent] = re.findall(r"^all +(\d+) +0", beside.stdout, re.MULTILINE)
    [others] = re.findall(r"^  (\d+) requests of others", beside.stdout, re.MULTILINE)
    evidence(sent=int(sent), others=int(others), asked=len(neighbour))
    assert f"access lines of the gateway in Loki: {sent} of {sent} (all)" in beside.stdout
    assert 0 < int(others) <= len(neighbour)


@pytest.fixture
def refusing() -> Iterator[str]:
    """The address of a server that answers 429 to everything."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(429)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("processes", [1, 2])
def test_failures_are_printed_with_their_reason(
    loaded: subprocess.CompletedProcess[str], refusing: str, processes: int
) -> None:
    """Without this a person who sees failures must send the load again to know what they were."""
    measured = send_people(refusing, users=2, duration="3s", processes=processes)
    registered = [one for one in measured.reasons if one.request == "POST /api/auth/register"]
    assert [one.why for one in registered] == ["429 instead of 201"]
    assert sum(one.times for one in measured.reasons) == measured.failures > 0
