"""The check of buckets that runs before the chart is installed: what it says about each answer of an object storage."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sandbox.model import ROOT

PROGRAM = ROOT / "charts" / "sandbox" / "programs" / "buckets.py"
NOBODY = "http://127.0.0.1:1"


@contextmanager
def storage(status: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a server that answers each request with `status`, and the requests' signatures so far."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", seen
        server.shutdown()


def check(endpoint: str, *buckets: str) -> "subprocess.CompletedProcess[str]":
    settings = {"S3_ENDPOINT": endpoint, "S3_REGION": "here", "S3_ACCESS_KEY": "me", "S3_SECRET_ACCESS_KEY": "secret"}
    command = [sys.executable, "-c", PROGRAM.read_text(encoding="utf-8"), *buckets]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=30, check=False)


def test_each_bucket_is_listed_with_a_signature() -> None:
    with storage(200) as (endpoint, seen):
        done = check(endpoint, "logs", "traces")
    assert (done.returncode, done.stderr) == (0, "")
    assert [one.partition("?")[0] for one in seen] == ["/logs", "/traces"]
    assert all("AWS4-HMAC-SHA256 Credential=me/" in one and "/here/s3/aws4_request" in one for one in seen)


@pytest.mark.parametrize(
    ("status", "why"),
    [(404, "there is no such bucket"), (403, "keys S3_ACCESS_KEY and"), (301, "another region"), (500, "status 500")],
)
def test_an_answer_that_refuses_is_explained(status: int, why: str) -> None:
    with storage(status) as (endpoint, _):
        done = check(endpoint, "logs")
    assert done.returncode == 1
    assert f"The bucket logs at {endpoint} cannot be used: " in done.stderr
    assert why in done.stderr
    assert "secret" not in done.stderr.replace("S3_SECRET", "")


def test_storage_that_does_not_answer_is_named() -> None:
    done = check(NOBODY, "logs")
    assert done.returncode == 1
    assert f"The bucket logs at {NOBODY} cannot be used: it does not answer" in done.stderr
