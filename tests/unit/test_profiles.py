"""The profiles are parts of the topology that stand by themselves, and their page names them all."""

import re

import pytest

from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError
from sandbox.model.profiles import PROFILES, left_out

TOPOLOGY = read_topology(ROOT, {})


def test_a_profile_starts_by_itself() -> None:
    started = {name: TOPOLOGY.selected(without=left_out(name, TOPOLOGY.services)) for name in PROFILES}
    assert {name: set(parts) for name, parts in started.items()} == {name: set(PROFILES[name]) for name in PROFILES}


def test_whole_stack_leaves_nothing_out() -> None:
    assert left_out("", TOPOLOGY.services) == left_out("full", TOPOLOGY.services) == set()


def test_an_unknown_profile_is_refused_with_those_that_exist() -> None:
    with pytest.raises(StackError) as refused:
        left_out("tiny", TOPOLOGY.services)
    assert "minimal, alerts, stores, full" in refused.value.next_step


def test_page_of_profiles_names_each_with_its_parts() -> None:
    page = (ROOT / "docs/reference/profiles.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == {*PROFILES, "full"}
