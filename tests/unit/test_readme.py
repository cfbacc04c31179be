"""What the README tells a newcomer is so."""

import re
from pathlib import Path

from sandbox.engines.view import next_steps
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from tests.support.checklist import nothing_is_wrong_with

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {str(page.relative_to(ROOT)): page for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}


def test_first_payment_is_the_one_that_make_up_prints() -> None:
    printed = [line[2:] for line in next_steps(read_topology(ROOT)).splitlines() if line.startswith("  ")]

    assert "\n".join(printed) in README


@nothing_is_wrong_with(PAGES)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> dict[str, object]:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    return {"leads nowhere": [link for link in links if not (page.parent / link).exists()]}


def test_address_table_is_what_env_publishes() -> None:
    ports = {value for name, value in read_topology(ROOT).variables.items() if name.endswith("_PORT")}
    named = re.findall(r"^\| \w+ \| http://127\.0\.0\.1:(\d+) \|", README, re.MULTILINE)

    assert len(named) == 8
    assert set(named) <= ports


def test_each_place_in_the_tree_that_it_names_exists() -> None:
    table = README.split("## Where things live")[1].split("## Without Docker")[0]
    places = re.findall(r"`([a-z]\w*[./][\w./-]*)`", table)

    assert len(places) > 10
    assert [place for place in places if not (ROOT / place).exists()] == []
