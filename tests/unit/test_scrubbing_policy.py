"""docs/reference/scrubbing.md says what the code does. What the collector masks is tested with the collector itself."""

import re
from itertools import product

import pytest

from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml
from sandbox_telemetry import names, policy
from tests.support.scrubbing import PAGE, Shape, table

CONFIGURATION = parse_yaml((ROOT / "collector" / "config.yaml").read_text(encoding="utf-8"))
REDACTION = CONFIGURATION["processors"]["redaction/names"]
VALUES = CONFIGURATION["processors"]["redaction"]

# Put together in every way: texts with and without something to mask.
STARTS = ("", "a ", "GET ", "SELECT ", "UPDATE users ", "user, ")
NAMES = ("", "x", "bearer", "Basic", "password", "client_secret", "refresh_token", "cvc", "call", "DE89")
GAPS = ("", " ", "\n", ", ", "=", " = ", ": ", "::", ".", "/", "://", "+", "@", "%40", "-")
SECRETS = ("a" * 14, "a" * 13 + "..", "b" * 16, "/" * 20, "$1", "$22::", "12", "00", "4111", "4111111111111111")
SECRETS += (
    "4111 1111 1111 1111",
    "0049 170 123 456 7",
    "001 170 123 456 78",
    "203.0.113.77",
    "2001:db8::1",
    "a.example",
)
ENDS = ("", ".", " x", " = $1", " 123 456 789 123", "@b.example", "\n")


def test_every_pattern_of_the_process_is_documented() -> None:
    documented = [row.what for row in table("By shape")]
    assert documented[: len(policy.PATTERNS)] == list(policy.PATTERNS)


@pytest.mark.parametrize("row", table("By shape"), ids=lambda row: row.what)
def test_process_masks_a_shape_as_documented(row: Shape) -> None:
    left = policy.scrub_text(f"before {row.example} after")
    assert (row.example in left) == row.process.startswith("kept")
    assert (policy.SCRUBBED in left) == (row.process == "masked")


def test_lists_that_the_page_names_exist() -> None:
    named = re.findall(r"`names\.([A-Z_]+)`", PAGE)
    assert sorted(named) == ["BAGGAGE", "LOG_FIELDS", "SPAN_ATTRIBUTES"]
    assert all(hasattr(names, name) for name in named)
    assert f"`{names.OTHER_METHOD}`, `{names.UNMATCHED_ROUTE}`" in PAGE
    assert policy.SCRUBBED in PAGE


def test_every_name_that_the_collector_masks_is_documented_and_no_other() -> None:
    section = PAGE.split("\n## By name\n")[1].split("\n## ")[0]
    documented = re.findall(r"`([^`]+)`", section)
    patterns = [re.compile(pattern) for pattern in REDACTION["blocked_key_patterns"]]
    assert [name for name in documented if not any(one.search(name) for one in patterns)] == []
    # Each alternative of the expressions is one of the documented names: without it, all of them would still match.
    words = {word for one in patterns for word in re.findall(r"[a-z]{3,}", one.pattern)} - {"access", "refresh"}
    assert [word for word in sorted(words) if not any(word in name for name in documented)] == []


def test_names_that_the_collector_takes_without_a_look_are_none_that_it_masks() -> None:
    patterns = [re.compile(pattern) for pattern in REDACTION["blocked_key_patterns"]]
    known = REDACTION["ignored_keys"]
    assert len(known) == len(set(known))
    assert [name for name in known if any(one.search(name) for one in patterns)] == []
    conventional = {name for name, meaning in names.SPAN_ATTRIBUTES.items() if meaning == names.BY_CONVENTION}
    assert sorted(conventional - set(known)) == []


@pytest.mark.parametrize("shortcut", VALUES["allowed_values"])
def test_values_that_the_collector_takes_without_a_look_have_nothing_to_mask(shortcut: str) -> None:
    """A shortcut saves the closer look and must not decide otherwise than the closer look would."""
    # \Z is the `$` of Go's expressions, which a line's end does not satisfy.
    taken = re.compile(shortcut.removesuffix("$") + r"\Z", re.ASCII)
    patterns = [re.compile(re.sub(r"\\x{(\w+)}", r"\\u\1", one), re.ASCII) for one in VALUES["blocked_values"]]
    wrong = [
        text
        for text in map("".join, product(STARTS, NAMES, GAPS, SECRETS, ENDS))
        # A placeholder of a statement is no value.
        if taken.search(text) and any(one.search(re.sub(r"= \$\d+(::)?", "", text)) for one in patterns)
    ]
    assert wrong == []
    documented = [row.example for row in table("By shape") if row.collector == "masked"]
    assert [one for one in documented if taken.search(one)] == []
