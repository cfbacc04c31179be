"""The cache of native programs: where it is, who may write, and that it refuses a disk that is too small."""

import threading
from collections import namedtuple
from pathlib import Path

import pytest

from sandbox.engines.native.build import cache
from sandbox.model.errors import StackError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))


def test_the_cache_follows_the_desktop_convention_unless_configured_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.directory() == tmp_path / "cache"
    monkeypatch.delenv("SANDBOX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.directory() == tmp_path / "xdg" / "observability-sandbox"


def test_a_cache_that_cannot_be_made_says_which_variable_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(StackError) as refusal:
        cache.directory()
    assert "Set SANDBOX_CACHE" in refusal.value.next_step


def test_moving_a_character_between_parts_changes_the_digest() -> None:
    assert cache.digest("ab", "c") != cache.digest("a", "bc")
    assert cache.digest("ab", b"c") == cache.digest("ab", "c")


def test_a_second_build_waits_for_the_first_and_says_so() -> None:
    told, second_is_in = [], threading.Event()

    def second() -> None:
        with cache.exclusive(told.append):
            second_is_in.set()

    thread = threading.Thread(target=second)
    with cache.exclusive(told.append):
        thread.start()
        assert not second_is_in.wait(0.2)
    thread.join(timeout=5)
    assert second_is_in.is_set()
    assert len(told) == 1
    assert "Another build is running" in told[0]


def test_a_disk_without_room_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: Usage(0, 0, 3 * cache.GIB))
    cache.require_space([(tmp_path / "a", 1.0), (tmp_path / "b", 1.0)])
    with pytest.raises(StackError) as refusal:
        cache.require_space([(tmp_path / "a", 2.0), (tmp_path / "b", 2.0)])
    assert "needs about 4.0 GiB" in refusal.value.problem
    assert "3.0 GiB are free" in refusal.value.problem
