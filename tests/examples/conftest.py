"""The three example programs, running beside a stack that runs; each was asked once and failed once."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sandbox.model.stack import Stack
from sandbox_testing import direct
from tests.support.examples import CHAIN, Guest, running


@dataclass(frozen=True)
class Asked:
    """One request to a guest: the trace that it continues and when it was sent (seconds since the epoch)."""

    trace_id: str
    status: int
    sent_at: float


def ask(guest: Guest, path: str) -> Asked:
    """Ask a guest, as the part of a trace that begins here."""
    trace_id, sent_at = secrets.token_hex(16), time.time()
    header = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"}
    answer = direct.get(guest.url + path, headers=header, timeout=10.0)
    return Asked(trace_id, answer.status_code, sent_at)


@pytest.fixture(scope="session")
def guests(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Guest]]:
    with running(stack, tmp_path_factory.mktemp("guests")) as started:
        yield started


@pytest.fixture(scope="session")
def sale(guests: dict[str, Guest]) -> Asked:
    """One request that passes through all three."""
    asked = ask(guests["shop"], "/books/dune")
    assert asked.status == 200
    return asked


@pytest.fixture(scope="session")
def failures(guests: dict[str, Guest]) -> dict[str, Asked]:
    """One request to each that fails in a way nobody foresaw."""
    asked = {name: ask(guests[name], "/broken") for name in CHAIN}
    assert {one.status for one in asked.values()} == {500}
    return asked
