"""A folder of browser code is built once for what it holds, and published whole or not at all."""

from pathlib import Path

import pytest

from sandbox.engines.native.build import venvs
from sandbox.engines.native.build.commands import Made, Runner
from sandbox.engines.native.build.web import WebBuild
from sandbox.model.errors import StackError

NPM = """#!/bin/sh
if [ "$1" = ci ]; then mkdir node_modules; exit; fi
[ -e broken ] && exit 1
mkdir dist bin && cp page.ts dist/page.js && touch bin/tool
"""


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebBuild:
    """A folder, with an npm in its Python environment that copies instead of compiling."""
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    programs = tmp_path / "environment" / "bin"
    programs.mkdir(parents=True)
    (programs / "npm").write_text(NPM)
    (programs / "npm").chmod(0o755)
    monkeypatch.setattr(venvs, "location", lambda _lock: programs.parent)
    folder = tmp_path / "shop"
    (folder / "node_modules" / "library").mkdir(parents=True)
    for name in ("page.ts", "package.json", "package-lock.json", "requirements.lock"):
        (folder / name).write_text("one")
    return WebBuild(folder)


def make(web: WebBuild, tmp_path: Path) -> Made:
    return web.make(Runner(tmp_path / "logs"), print)


def test_build_leaves_its_results_in_the_cache_and_nothing_in_the_checkout(web: WebBuild, tmp_path: Path) -> None:
    before = sorted(web.folder.rglob("*"))
    assert not web.built
    assert make(web, tmp_path).name == "shop"
    assert web.built
    assert (web.location / "dist" / "page.js").read_text() == "one"
    assert (web.location / "bin" / "tool").exists()
    assert sorted(web.folder.rglob("*")) == before
    assert [path.name for path in web.location.parent.iterdir()] == [web.location.name]


def test_changed_source_is_another_build_and_installed_packages_are_not(web: WebBuild) -> None:
    first = web.location
    (web.folder / "node_modules" / "library" / "index.js").write_text("anything")
    assert web.location == first
    (web.folder / "page.ts").write_text("two")
    assert web.location != first


def test_build_that_fails_publishes_nothing(web: WebBuild, tmp_path: Path) -> None:
    (web.folder / "broken").touch()
    with pytest.raises(StackError, match="shop failed"):
        make(web, tmp_path)
    assert not web.built
    assert list(web.location.parent.iterdir()) == []
