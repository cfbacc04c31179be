"""The tests that list what is wrong miss nothing: neither an item that cannot be judged, nor that there is none."""

import pytest

from tests.support.checklist import nothing_is_wrong_with


def faults(item: dict[str, int]) -> dict[str, object]:
    return {"is odd": item["is"] % 2 == 1, "is small": [number for number in item.values() if number < 2]}


def test_every_item_with_a_fault_is_named_with_what_shows_it_and_so_is_one_that_cannot_be_judged() -> None:
    items = {"fine": {"is": 2}, "odd": {"is": 3}, "small": {"is": 0}, "other": {}}
    with pytest.raises(AssertionError, match=r"\s+odd: is odd\s+small: is small: \[0\]\s+other: raises: KeyError"):
        nothing_is_wrong_with(items)(faults)()


def test_without_an_item_nothing_is_shown() -> None:
    with pytest.raises(AssertionError, match="nothing to check"):
        nothing_is_wrong_with([])(faults)()
