"""One part of the frontend is released, and put back, beside the others: alone, and visible in what it reports."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from sandbox.model.stack import Stack
from sandbox.release import commands, record
from sandbox.traffic.browser import Visitor
from sandbox_testing import ErrorEvent, direct
from tests.support.evidence import Evidence
from tests.support.figures import Figures

PART = "frontend-payments"
NEXT = "0.1.1"
# A line that only the new release has, to tell its source from that of the one before.
BEFORE, AFTER = "was told to fail", "was told to fail, in its next release"


@pytest.fixture(autouse=True)
def put_back(stack: Stack) -> Iterator[None]:
    """Afterwards every part runs again what it ran before the test."""
    before = len(record.read(stack.root).get(PART, []))
    yield
    for _ in record.read(stack.root).get(PART, [])[before:]:
        commands.rollback(stack.root, PART, print)


@pytest.fixture
def other_code(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release is made from code that differs from the checkout's."""

    def changed(root: Path, service: str, version: str) -> str:
        place = made(root, service, version)
        file = root / place / "payments" / "src" / "break.ts"
        assert BEFORE in file.read_text()
        file.write_text(file.read_text().replace(BEFORE, AFTER))
        return place

    made = commands.source.prepare
    monkeypatch.setattr(commands.source, "prepare", changed)


@pytest.mark.engine("release and rollback")
def test_part_is_released_alone_seen_in_its_errors_and_put_back(
    visit: Callable[..., AbstractContextManager[Visitor]],
    stack: Stack,
    errors_of: Callable[..., list[ErrorEvent]],
    other_code: None,
    evidence: Evidence,
    figures: Figures,
) -> None:
    """Without this the parts are one program that is released as a whole, and an error does not say which of it."""
    old = commands.running_version(stack.root, PART)
    shell = commands.running_version(stack.root, "frontend-shell")
    with visit() as early:
        early.sign_up()
        began = time.monotonic()
        commands.release(stack.root, PART, NEXT, print)
        seconds = time.monotonic() - began
        assert f'"version":"{NEXT}"' in direct.get(stack.url("gateway"), timeout=5.0).text, "the very next page has it"

        # Who had the page open goes on, with the release that it was opened with.
        early.pay()
        expect(early.page.get_by_text("You paid €12.50")).to_be_visible()
        early.page.get_by_role("link", name="Break something").click()
        assert _release_of(errors_of, early, PART) == (f"{PART}@{old}", BEFORE)

        with visit() as late:
            found = [_release_of(errors_of, late, part) for part in (PART, "shell", "frontend-account")]
            assert found[0] == (f"{PART}@{NEXT}", AFTER)
            assert found[1][0] == f"frontend-shell@{shell}"
            assert found[2][0] == f"frontend-account@{commands.running_version(stack.root, 'frontend-account')}"
            late.sign_up().pay()
            expect(late.page.get_by_text("You paid €12.50")).to_be_visible()

    commands.rollback(stack.root, PART, print)
    with visit() as last:
        assert _release_of(errors_of, last, PART) == (f"{PART}@{old}", BEFORE)
    evidence(release=NEXT, beside=f"frontend-shell {shell}", seconds_to_release=round(seconds, 1))
    figures.add(f"release: {PART}: seconds to release", "s", [seconds])


def _release_of(errors_of: Callable[..., list[ErrorEvent]], visitor: Visitor, part: str) -> tuple[str, str]:
    """The release of an error that is thrown now in a part, and which of the two lines its stack shows as source."""
    [event] = errors_of(visitor.break_by(f"throw {part}"))
    assert "no sourcemap" not in event.stack
    return event.data["release"], AFTER if AFTER in event.stack else BEFORE if BEFORE in event.stack else "minified"
