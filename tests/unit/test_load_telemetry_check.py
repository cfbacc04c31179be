"""What `make load` says about its own requests, alone and beside others."""

from dataclasses import replace

import pytest

from loadtest.telemetry_check import Check, Seen, Snapshot, judge

BEFORE = Snapshot(at=100.0, requests=50, scraped=50, spans=500, received=500, lines=150)
# Twenty requests of ten spans and three lines each.
ALONE = Snapshot(at=110.0, requests=70, scraped=70, spans=700, received=700, lines=210)


def missing(seen: Seen) -> dict[str, int]:
    return {check.what: check.wanted - check.seen for check in seen.checks if not check.agrees}


def test_load_that_was_alone_is_found_to_the_last_request() -> None:
    assert missing(judge(BEFORE, ALONE, ALONE, sent=20, lines=60, ours=20, others=0)) == {}


@pytest.mark.parametrize("change", [-1, 1])
def test_alone_one_too_few_is_reported_and_so_is_one_too_many(change: int) -> None:
    now = replace(ALONE, requests=70 + change, received=700 + change)
    seen = judge(BEFORE, ALONE, now, sent=20, lines=60, ours=20, others=0)
    assert missing(seen) == {"requests counted by the gateway": -change, "spans received by Tempo": -change}


def test_requests_of_others_are_no_part_of_the_load() -> None:
    now = Snapshot(at=110.0, requests=75, scraped=74, spans=750, received=720, lines=225)
    assert missing(judge(BEFORE, ALONE, now, sent=20, lines=61, ours=20, others=5)) == {}


def test_missing_line_of_the_load_is_reported_beside_others() -> None:
    now = replace(ALONE, requests=75, lines=225)
    assert missing(judge(BEFORE, ALONE, now, sent=20, lines=61, ours=19, others=5)) == {
        "access lines of the gateway in Loki": 1
    }


def test_total_that_is_less_than_the_load_is_reported_beside_others() -> None:
    now = replace(ALONE, requests=69)
    assert missing(judge(BEFORE, ALONE, now, sent=20, lines=60, ours=20, others=5)) == {
        "requests counted by the gateway": 1
    }


def test_only_a_total_may_be_more() -> None:
    assert not Check("own", seen=21, wanted=20).agrees
    assert Check("total", seen=21, wanted=20, total=True).agrees
