"""A release publishes what browsers may see and gives the rest to the tracker."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path

import pytest

from sandbox.model import ROOT

RELEASE = ROOT / "services" / "frontend" / "release.py"
SENTRY_CLI = """#!/bin/sh
echo "$@" >> "$RECORD"
exit "${SENTRY_CLI_STATUS:-0}"
"""


@pytest.fixture
def tracker() -> Iterator[str]:
    """Something that answers that it is ready."""

    class Ready(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Ready)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "dist" / "frontend-payments"
    folder.mkdir(parents=True)
    for name in ("manifest.json", "main-1.js", "main-1.js.map", "main-1.css"):
        (folder / name).write_text(name)
    tool = tmp_path / "bin" / "sentry-cli"
    tool.parent.mkdir()
    tool.write_text(SENTRY_CLI)
    tool.chmod(0o755)
    return tmp_path


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def arguments(folder: Path) -> list[str]:
    return ["--app=frontend-payments", f"--from={folder / 'dist'}", f"--to={folder / 'srv'}"]


def release(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "RECORD": str(folder / "record"),
        "SERVICE_VERSION": "1.2.3",
        **variables,
    }
    command = [sys.executable, str(RELEASE), *arguments(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)


def published(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "srv" / "frontend-payments" / "1.2.3").iterdir())


def test_release_publishes_everything_but_the_source_maps_which_the_tracker_gets(built: Path, tracker: str) -> None:
    done = release(built, SENTRY_URL=tracker, SENTRY_PROJECTS="frontend-shell,frontend-payments")
    assert done.returncode == 0, done.stderr
    assert published(built) == ["main-1.css", "main-1.js", "manifest.json"]
    told = (built / "record").read_text()
    assert "sourcemaps upload --project frontend-shell --project frontend-payments" in told
    assert "--release frontend-payments@1.2.3" in told


def test_release_again_replaces_the_files_of_that_version_alone(built: Path) -> None:
    other = built / "srv" / "frontend-payments" / "1.0.0"
    other.mkdir(parents=True)
    assert release(built).returncode == 0
    (built / "dist" / "frontend-payments" / "main-1.js").rename(built / "dist" / "frontend-payments" / "main-2.js")
    assert release(built).returncode == 0
    assert published(built) == ["main-1.css", "main-2.js", "manifest.json"]
    assert other.exists(), "who has the old page open still needs the old files"


def test_version_that_was_released_last_is_the_one_that_pages_get(built: Path) -> None:
    current = built / "srv" / "frontend-payments" / "current"
    for version in ("1.2.3", "1.2.4", "1.2.3"):
        assert release(built, SERVICE_VERSION=version).returncode == 0
        assert current.read_text() == f"{version}\n"


def test_tracker_that_refuses_the_maps_keeps_no_release_from_the_customers(built: Path, tracker: str) -> None:
    done = release(built, SENTRY_URL=tracker, SENTRY_CLI_STATUS="1")
    assert done.returncode == 0
    assert "stay minified" in done.stderr
    assert published(built)


def test_later_release_is_not_kept_long_by_a_tracker_that_is_away(
    built: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The engines wait half a minute for what runs once, then they put the release before back."""
    assert release(built).returncode == 0
    program, clock = run_path(str(RELEASE)), Clock()
    monkeypatch.setitem(program["main"].__globals__, "time", clock)
    monkeypatch.setattr(sys, "argv", [str(RELEASE), *arguments(built)])
    for name, value in {"SERVICE_VERSION": "1.2.4", "SENTRY_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    assert program["main"]() == 0
    assert "did not answer within 15 s" in caplog.text
    assert clock.now == pytest.approx(15, abs=1)


def test_release_of_nothing_says_what_to_do(built: Path) -> None:
    (built / "dist" / "frontend-payments" / "manifest.json").unlink()
    done = release(built)
    assert done.returncode == 1
    assert "npm run build" in done.stderr
