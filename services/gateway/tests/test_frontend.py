"""The frontend's page: filled with the current releases, protected by a strict policy, usable with missing parts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.tests.conftest import running_gateway
from testing.process import Running

ROOT = Path(__file__).resolve().parents[3]
TEMPLATE = ROOT / "services" / "frontend" / "shell" / "index.html"
APPS = "frontend-shell,frontend-account,frontend-payments"
DSNS = "frontend-shell=http://key@tracker:1/4,frontend-account=http://key@tracker:1/5"


def publish(folder: Path, app: str, version: str, **entries: str) -> Path:
    """Write the files that a release leaves in the folder (services/frontend/release.py)."""
    place = folder / app / version
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(json.dumps({"entries": entries, "styles": ["main.css"]}))
    for file in [*entries.values(), "main.css"]:
        (place / file).write_text(f"/* {file} */" + "x" * 2000)
    (folder / app / "current").write_text(f"{version}\n")
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("assets")
    shell = publish(path, "frontend-shell", "1.2.3", main="main-1.js", platform="platform-1.js", boot="boot-1.js")
    (shell / "index.html").write_text(TEMPLATE.read_text())
    (shell / "main-1.js.map").write_text("{}")
    publish(path, "frontend-account", "0.4.0", main="main-2.js")
    return path


@pytest.fixture(scope="module")
def serving(auth: Running, folder: Path) -> Iterator[httpx.Client]:
    variables = {"ASSETS_DIRECTORY": str(folder), "FRONTEND_APPS": APPS, "FRONTEND_DSNS": DSNS}
    with running_gateway(auth.url, 9, **variables) as (_, api):
        yield api


def script(page: str, kind: str) -> str:
    return re.search(rf'<script type="{kind}"[^>]*>(.*?)</script>', page, re.DOTALL)[1]


def test_page_loads_each_part_from_the_release_that_is_deployed(serving: httpx.Client) -> None:
    page = serving.get("/").text
    assert json.loads(script(page, "importmap"))["imports"] == {
        "@sandbox/platform": "/assets/frontend-shell/1.2.3/platform-1.js",
        "@sandbox/account": "/assets/frontend-account/0.4.0/main-2.js",
        # Not published: the import fails in the browser, and the shell shows and reports it.
        "@sandbox/payments": "/assets/frontend-payments/unpublished/main.js",
    }
    assert page.index("platform-1.js") < page.index('src="/assets/frontend-shell/1.2.3/main-1.js"')
    assert "{{" not in page


def test_release_of_one_part_is_in_the_next_page_and_the_files_of_the_one_before_stay(
    auth: Running, folder: Path, tmp_path: Path
) -> None:
    """A release needs no restart, and pages that are open keep their files."""
    shutil.copytree(folder, tmp_path / "assets")
    variables = {"ASSETS_DIRECTORY": str(tmp_path / "assets"), "FRONTEND_APPS": APPS}
    with running_gateway(auth.url, 9, **variables) as (_, api):
        before = json.loads(script(api.get("/").text, "importmap"))["imports"]
        publish(tmp_path / "assets", "frontend-account", "0.4.1", main="main-3.js")
        page = api.get("/").text
        after = json.loads(script(page, "importmap"))["imports"]
        assert after == before | {"@sandbox/account": "/assets/frontend-account/0.4.1/main-3.js"}
        apps = json.loads(script(page, "application/json"))["apps"]
        assert [apps[app]["version"] for app in sorted(apps)] == ["0.4.1", "unpublished", "1.2.3"]
        assert api.get(before["@sandbox/account"]).status_code == 200


def test_page_is_served_with_its_environment_owners_and_dsns(serving: httpx.Client) -> None:
    answer = serving.get("/")
    told = json.loads(script(answer.text, "application/json"))
    assert told["environment"] == "dev"
    assert told["apps"]["frontend-shell"] | {"styles": []} == {
        "version": "1.2.3",
        "team": "edge",
        "dsn": "http://key@tracker:1/4",
        "styles": [],
    }
    assert told["apps"]["frontend-payments"]["dsn"] is None
    assert told["sampling"] == {"errors": 1.0, "traces": 1.0, "sentryTraces": 0.0}
    assert told["traceparent"].split("-")[1] == answer.headers["X-Trace-Id"]


def test_policy_allows_the_two_inline_scripts_by_their_hashes_and_no_other(serving: httpx.Client) -> None:
    answer = serving.get("/")
    inline = [script(answer.text, kind) for kind in ("importmap", "module")]
    assert inline[1].startswith("/* boot-1.js */"), "what stands in when files do not load is in the page itself"
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    policy = answer.headers["Content-Security-Policy"]
    assert f"script-src 'self' 'sha256-{hashes[0]}' 'sha256-{hashes[1]}';" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


def test_files_are_kept_for_ever_compressed_and_without_their_maps(serving: httpx.Client) -> None:
    answer = serving.get("/assets/frontend-shell/1.2.3/main-1.js")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "X-Trace-Id" not in answer.headers, "a file is no request of the product"
    for absent in ("main-1.js.map", "absent.js", "../../../etc/passwd", "%2e%2e/%2e%2e/secret"):
        assert serving.get(f"/assets/frontend-shell/1.2.3/{absent}").status_code == 404


def test_production_has_no_panel_that_breaks_things_and_samples_less(auth: Running, folder: Path) -> None:
    variables = {"ASSETS_DIRECTORY": str(folder), "FRONTEND_APPS": APPS, "DEPLOYMENT_ENVIRONMENT": "prod"}
    with running_gateway(auth.url, 9, **variables) as (_, api):
        told = json.loads(script(api.get("/").text, "application/json"))
    assert told["breakable"] is False
    assert told["sampling"]["traces"] == 0.05


def test_gateway_without_a_published_shell_shows_where_everything_is(auth: Running, tmp_path: Path) -> None:
    variables = {"ASSETS_DIRECTORY": str(tmp_path), "FRONTEND_APPS": APPS}
    with running_gateway(auth.url, 9, **variables) as (_, api):
        assert "Where to look" in api.get("/").text
        assert "Where to look" in api.get("/welcome").text
