"""Everything that our programs ask is on this machine or a neighbour: no proxy of the environment stands between."""

import ast
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sandbox.alerting.ack import overview
from sandbox.model import ROOT

PROBE = ROOT / "services" / "probe.py"
# Nobody listens there; a call by way of it fails.
DEAD = dict.fromkeys(
    ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:9"
)
# Tests get NO_PROXY from tests/support/plugin.py; examples show a service that is not ours.
NOT_OURS = {"tests", "examples", "node_modules"}
CALLS = {"AsyncClient", "Client", "delete", "get", "head", "options", "patch", "post", "put", "request", "stream"}


def our_code() -> Iterator[Path]:
    for folder, inside, names in os.walk(ROOT):
        inside[:] = [one for one in inside if one not in NOT_OURS and not one.startswith(".")]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def told(path: Path) -> Iterator[str]:
    """Each call in a file that would obey a proxy of the environment."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ImportFrom) and node.module == "httpx" and CALLS & {one.name for one in node.names}:
            yield f"{place}: imports a function of httpx by itself, where this test does not see its calls"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            if {module.partition(".")[0] for module in modules} & {"requests", "aiohttp"}:
                yield f"{place}: a client that obeys proxies"
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called = ast.unparse(node.func)
        if called.startswith("httpx.") and node.func.attr in CALLS:
            stated = {one.arg: ast.unparse(one.value) for one in node.keywords}
            if stated.get("trust_env") != "False":
                yield f"{place}: {called} without trust_env=False"
        if node.func.attr in ("urlopen", "urlretrieve"):
            yield f"{place}: {called}; build_opener(ProxyHandler({{}})) asks directly"
        if node.func.attr == "build_opener" and "ProxyHandler({})" not in ast.unparse(node):
            yield f"{place}: an opener without ProxyHandler({{}})"


def test_no_client_of_ours_obeys_a_proxy_of_the_environment() -> None:
    files = list(our_code())

    assert len(files) > 100
    assert [line for path in files for line in told(path)] == []


class Answers(BaseHTTPRequestHandler):
    """Says that nothing fires, whatever is asked."""

    def do_GET(self) -> None:
        body = json.dumps([]).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def without_exceptions() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"} | DEAD


def test_health_check_of_a_container_asks_its_neighbour(address: str) -> None:
    well = subprocess.run([sys.executable, PROBE, address], env=without_exceptions(), check=False)
    ill = subprocess.run([sys.executable, PROBE, "http://127.0.0.1:9/"], capture_output=True, check=False)

    assert (well.returncode, ill.returncode) == (0, 1)


def test_acknowledging_asks_alertmanager(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in DEAD.items():
        monkeypatch.setenv(name, value)

    assert overview(address) == "No page fires."
