"""docs/upgrading.md has a row for whatever is pinned, and names places that exist."""

import re

from sandbox.engines.native import images
from sandbox.model import ROOT
from sandbox.model.variables import read_variables
from tests.support.tables import rows

PAGE = ROOT / "docs" / "upgrading.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = rows(PAGE, "component", "change", "check", "what breaks")


def test_every_pinned_image_and_every_program_that_is_built_has_its_notes() -> None:
    pins = [name for name in read_variables(ROOT, {}) if name.startswith("IMAGE_")]
    programs, changes = images.load().programs, "".join(row["change"] for row in ROWS)
    assert pins
    assert programs
    assert [pin for pin in pins if f"`{pin}`" not in TEXT] == []
    assert [name for name in programs if f"`[program.{name}]`" not in changes] == []


def test_every_row_says_what_to_change_what_to_check_and_what_breaks() -> None:
    assert [row["component"] for row in ROWS if not (row["check"] and row["what breaks"])] == ["PostgreSQL"]


def test_every_file_and_folder_that_it_names_exists() -> None:
    places = set(re.findall(r"`((?:\.?[a-z_]+/)[\w./-]*|[\w-]+\.(?:in|toml|md|yml))`", TEXT))
    assert len(places) > 10
    # What is below .run is made on the way.
    assert [place for place in places if not place.startswith(".run/") and not (ROOT / place).exists()] == []
