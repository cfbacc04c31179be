"""`make audit`, by the real pip-audit and npm audit against a source of data of the test's own."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sandbox.inventory import audit as auditing
from sandbox.inventory import report
from sandbox.inventory.audit import Verdict, audit, audit_npm, audit_python
from sandbox.inventory.locks import find
from sandbox.model import ROOT
from sandbox.model.errors import StackError

Answer = Callable[[str, Any], tuple[int, Any]]
NOWHERE = "http://127.0.0.1:9"
PYTHON_LOCK = "jinja2==2.4.1 --hash=sha256:" + 64 * "0" + "\nflask==3.0.0 --hash=sha256:" + 64 * "1" + "\n"
NPM_LOCK = {
    "name": "shop",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "shop", "version": "1.0.0", "dependencies": {"minimist": "0.0.8"}},
        "node_modules/minimist": {"version": "0.0.8", "license": "MIT"},
    },
}
OSV = {"vulns": [{"id": "PYSEC-2021-66", "summary": "a regular expression", "affected": []}]}
ADVISORY = {
    "id": 1179,
    "url": "https://example.test/GHSA-vh95",
    "title": "Prototype pollution",
    "severity": "moderate",
    "vulnerable_versions": "<0.2.1",
    "cwe": [],
    "cvss": {"score": 5.6},
}


@contextmanager
def source(answer: Answer) -> Iterator[str]:
    """A server on this machine that answers each question as `answer(path, body)` says; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            plain = self.headers.get("content-encoding") is None
            status, content = answer(self.path, json.loads(body) if plain and body else None)
            told = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def osv(address: str) -> list[str]:
    return ["--vulnerability-service=osv", f"--osv-url={address}/v1/query"]


@pytest.fixture
def python_lock(tmp_path: Path) -> Path:
    lock = tmp_path / "requirements.lock"
    lock.write_text(PYTHON_LOCK)
    return lock


@pytest.fixture
def npm_lock(tmp_path: Path) -> Path:
    (tmp_path / "package.json").write_text(json.dumps(NPM_LOCK["packages"][""]))  # type: ignore[index]
    lock = tmp_path / "package-lock.json"
    lock.write_text(json.dumps(NPM_LOCK))
    return lock


def test_vulnerable_python_package_is_found(python_lock: Path) -> None:
    with source(lambda _, body: (200, OSV if body["package"]["name"] == "jinja2" else {})) as address:
        verdict = audit_python(python_lock, osv(address))
    assert verdict == Verdict(("jinja2 2.4.1: PYSEC-2021-66 (not mended yet)",))


def test_python_lock_without_a_known_vulnerability_is_clean(python_lock: Path) -> None:
    with source(lambda *_: (200, {})) as address:
        assert audit_python(python_lock, osv(address)) == Verdict()


@pytest.mark.parametrize("answers", [True, False], ids=["error 503", "nobody there"])
def test_python_lock_is_not_checked_where_the_data_is_not_reached(python_lock: Path, answers: bool) -> None:
    with source(lambda *_: (503, {})) as address:
        verdict = audit_python(python_lock, osv(address if answers else NOWHERE))
    assert not verdict.reached
    assert verdict.not_checked
    assert verdict.found == ()


def test_lock_that_cannot_be_read_is_an_error_and_not_a_pass(python_lock: Path) -> None:
    python_lock.write_text("jinja2==2.4.1\n")
    with pytest.raises(StackError, match="could not read"):
        audit_python(python_lock, osv(NOWHERE))


def test_vulnerable_npm_package_is_found(npm_lock: Path) -> None:
    packument = {"name": "minimist", "versions": {"0.0.8": {"name": "minimist", "version": "0.0.8"}}}
    with source(lambda path, _: (200, {"minimist": [ADVISORY]} if "bulk" in path else packument)) as address:
        verdict = audit_npm(npm_lock, [f"--registry={address}"])
    assert verdict == Verdict(("minimist <0.2.1: https://example.test/GHSA-vh95 (moderate: Prototype pollution)",))


def test_npm_lock_without_a_known_vulnerability_is_clean(npm_lock: Path) -> None:
    with source(lambda *_: (200, {})) as address:
        assert audit_npm(npm_lock, [f"--registry={address}"]) == Verdict()


@pytest.mark.parametrize("answers", [True, False], ids=["error 405", "nobody there"])
def test_npm_lock_is_not_checked_where_the_data_is_not_reached(npm_lock: Path, answers: bool) -> None:
    with source(lambda *_: (405, {})) as address:
        verdict = audit_npm(npm_lock, [f"--registry={address if answers else NOWHERE}"])
    assert not verdict.reached
    assert verdict.not_checked


def test_folder_without_a_lock_of_npm_is_an_error_and_not_a_pass(npm_lock: Path) -> None:
    npm_lock.unlink()
    with pytest.raises(StackError, match="npm audit could not read"):
        audit_npm(npm_lock)


def test_slow_source_is_given_up(python_lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "SECONDS", 0.01)
    assert audit_python(python_lock).not_checked == "no result within 0.01 seconds"


def test_source_that_does_not_answer_is_asked_once(tmp_path: Path) -> None:
    asked = []
    for name in ("a.lock", "b.lock"):
        (tmp_path / name).write_text(name)

    def one(lock: Path) -> Verdict:
        asked.append(lock.name)
        return Verdict(not_checked="no route", reached=False)

    verdicts = [verdict for _, verdict in audit(sorted(tmp_path.iterdir()), one)]
    assert asked == ["a.lock"]
    assert all(verdict.not_checked for verdict in verdicts)


@pytest.mark.parametrize(
    ("verdict", "status", "line"),
    [
        (Verdict(("jinja2 2.4.1: PYSEC-2021-66",)), 1, "a.lock: jinja2 2.4.1: PYSEC-2021-66"),
        (Verdict(not_checked="no route", reached=False), 0, "a.lock: not checked: no route"),
        (Verdict(), 0, "a.lock: no known vulnerability"),
    ],
    ids=["vulnerable", "not checked", "clean"],
)
def test_exit_status_tells_vulnerabilities_alone(
    verdict: Verdict,
    status: int,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "a.lock").touch()
    monkeypatch.setattr(auditing, "audit_python", lambda _: verdict)
    assert report.audit(tmp_path) == status
    assert capsys.readouterr().out.strip() == line


def test_every_lock_of_the_repository_is_looked_at() -> None:
    python = {str(path.relative_to(ROOT)) for path in find(ROOT, ".lock")}
    npm = {str(path.relative_to(ROOT)) for path in find(ROOT, "package-lock.json")}
    assert {
        "requirements-dev.lock",
        "services/requirements.lock",
        "sandbox/engines/native/python/bugsink.lock",
    } <= python
    assert {"services/frontend/package-lock.json", "sandbox/dashboards/typecheck/package-lock.json"} <= npm
