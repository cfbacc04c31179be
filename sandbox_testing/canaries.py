"""Personal values that can be recognised anywhere, and the search for them."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sandbox_testing.haystack import Haystack

__all__ = ["Canary", "Escape", "Search", "card_number", "search", "word"]


@dataclass(frozen=True)
class Canary:
    """A value that must not be stored.

    ``value`` is what is sent. ``needles`` are pieces that identify it in any encoding (default: the value itself).
    ``allowed`` names the passages that may contain it, such as the column that exists for it.
    """

    name: str
    value: str
    needles: tuple[str, ...] = ()
    allowed: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        object.__setattr__(self, "needles", self.needles or (self.value,))

    def is_in(self, text: str) -> bool:
        return any(needle in text for needle in self.needles)


@dataclass(frozen=True)
class Escape:
    """A canary that was found where it must not be."""

    canary: str
    store: str
    where: str
    around: str

    def __str__(self) -> str:
        return f"- {self.canary} in {self.store}, {self.where}: ...{self.around}..."


@dataclass
class Search:
    """The result of a search.

    ``kept`` are values in their allowed places, ``blind`` the stores without their control value, ``read`` the number
    of passages by store.
    """

    escapes: list[Escape] = field(default_factory=list)
    kept: list[Escape] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    read: dict[str, int] = field(default_factory=dict)

    def verify(self) -> None:
        """Raise ``AssertionError`` if a canary escaped, or if a store does not even contain its control value."""
        if self.blind:
            raise AssertionError(f"no control value found in {', '.join(self.blind)}: the search proves nothing")
        if self.escapes:
            listed = "\n".join(map(str, self.escapes))
            raise AssertionError(f"{len(self.escapes)} personal values escaped:\n{listed}")


def word(tag: str) -> str:
    """Return a random word of lower-case letters and digits, which no encoding changes."""
    return f"zq{tag}{secrets.token_hex(6)}"


def card_number(prefix: str = "4000") -> str:
    """Return a random 16-digit number with a valid check digit (Luhn)."""
    body = prefix + "".join(str(secrets.randbelow(10)) for _ in range(15 - len(prefix)))
    doubled = (int(digit) * (2 - position % 2) for position, digit in enumerate(body))
    total = sum(value - 9 if value > 9 else value for value in doubled)
    return body + str(-total % 10)


def search(canaries: list[Canary], stores: Iterable[Haystack], since: float, controls: Mapping[str, str]) -> Search:
    """Read every passage of every store once, and search it for all canaries and for the store's control value."""
    done = Search()
    for store in stores:
        control, seen, read = controls.get(store.name), False, 0
        for passage in store.passages(since):
            read += 1
            seen = seen or (control is not None and control in passage.text)
            for one in canaries:
                if one.is_in(passage.text):
                    escape = Escape(one.name, store.name, passage.where, _around(passage.text, one))
                    (done.kept if passage.where in one.allowed else done.escapes).append(escape)
        done.read[store.name] = read
        if not seen:
            done.blind.append(store.name)
    return done


def _around(text: str, canary: Canary, width: int = 80) -> str:
    at = min(text.find(needle) for needle in canary.needles if needle in text)
    return text[max(0, at - width) : at + width].replace("\n", " ")
