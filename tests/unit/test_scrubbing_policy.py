"""docs/reference/scrubbing.md says what the code does. What the collector masks is tested with the collector itself."""

import re

import pytest
import yaml

from telemetry import policy, vocabulary
from tests.support.project import ROOT
from tests.support.scrubbing import PAGE, Shape, table

CONFIGURATION = yaml.safe_load((ROOT / "collector" / "config.yaml").read_text(encoding="utf-8"))
REDACTION = CONFIGURATION["processors"]["redaction/names"]


def test_every_pattern_of_the_process_is_documented() -> None:
    documented = [row.what for row in table("By shape")]
    assert documented[: len(policy.PATTERNS)] == list(policy.PATTERNS)


@pytest.mark.parametrize("row", table("By shape"), ids=lambda row: row.what)
def test_process_masks_a_shape_as_documented(row: Shape) -> None:
    left = policy.scrub_text(f"before {row.example} after")
    assert (row.example in left) == row.process.startswith("kept")
    assert (policy.SCRUBBED in left) == (row.process == "masked")


def test_lists_that_the_page_names_exist() -> None:
    named = re.findall(r"`vocabulary\.([A-Z_]+)`", PAGE)
    assert sorted(named) == ["BAGGAGE", "LOG_FIELDS", "SPAN_ATTRIBUTES"]
    assert all(isinstance(getattr(vocabulary, name), frozenset) for name in named)
    assert f"`{vocabulary.OTHER_METHOD}`, `{vocabulary.UNMATCHED_ROUTE}`" in PAGE
    assert policy.SCRUBBED in PAGE


def test_every_name_that_the_collector_masks_is_documented_and_no_other() -> None:
    section = PAGE.split("\n## By name\n")[1].split("\n## ")[0]
    documented = re.findall(r"`([^`]+)`", section)
    patterns = [re.compile(pattern) for pattern in REDACTION["blocked_key_patterns"]]
    assert [name for name in documented if not any(one.search(name) for one in patterns)] == []
    # Each alternative of the expressions is one of the documented names: without it, all of them would still match.
    words = {word for one in patterns for word in re.findall(r"[a-z]{3,}", one.pattern)} - {"access", "refresh"}
    assert [word for word in sorted(words) if not any(word in name for name in documented)] == []
