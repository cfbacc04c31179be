"""Checks many items in one test, which lists every item with an error and the reason."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from inspect import Signature, signature
from typing import Any

__all__ = ["nothing_is_wrong_with"]

Faults = Callable[..., Mapping[str, object]]


def nothing_is_wrong_with(items: Mapping[str, Any] | Iterable[str]) -> Callable[[Faults], Callable[..., None]]:
    """Create a test from a function that maps the name of an error to evidence of it in one item.

    Evidence is True, or a collection of what is missing or surplus; a false or empty value is none. An exception counts
    as an error of the item. A name alone is its own item; further parameters are fixtures.
    """
    named = dict(items) if isinstance(items, Mapping) else {name: name for name in items}

    def test_of(faults: Faults) -> Callable[..., None]:
        @wraps(faults)
        def test(**fixtures: Any) -> None:
            assert named, "there is nothing to check"
            wrong = []
            for name, item in named.items():
                try:
                    found = {fault: seen for fault, seen in faults(item, **fixtures).items() if seen}
                except Exception as problem:
                    found = {"raises": repr(problem)}
                wrong += [f"{name}: {fault}" + f": {seen}" * (seen is not True) for fault, seen in found.items()]
            assert wrong == [], "\n".join(["", *wrong])

        _, *parameters = signature(faults).parameters.values()
        test.__signature__ = Signature(parameters)
        return test

    return test_of
