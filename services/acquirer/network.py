"""The network's state: one outcome per reference; the captured and refunded amount of each authorization."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from acquirer.cards import decline_reason

__all__ = ["Authorization", "Capture", "Network", "Outcome", "ReferenceReused", "Refund"]

# About a kilobyte each. Older ones are deleted; operations that refer to them are accepted unchecked.
_REMEMBERED = 20_000

Reference = Field(
    min_length=1, max_length=64, description="the caller's name for the operation; repeats are answered alike"
)
Amount = Field(gt=0, le=10**12, description="minor units")


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    reference: str = Reference
    amount: int = Amount


class Card(BaseModel):
    """A card as sent over the wire; not kept after the response."""

    number: str = Field(pattern=r"^[0-9]{12,19}$", repr=False)
    exp_month: int = Field(ge=1, le=12, repr=False)
    exp_year: int = Field(ge=2000, le=2999, repr=False)
    cvc: str = Field(pattern=r"^[0-9]{3,4}$", repr=False)


class Authorization(_Request):
    """Reserve an amount on a card; with `capture`, take it immediately."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    card: Card
    capture: bool = False


class Capture(_Request):
    """Capture all or part of what `authorization` reserved."""

    authorization: str = Reference


class Refund(_Request):
    """Refund all or part of what was captured under `authorization`."""

    authorization: str = Reference


class Outcome(BaseModel):
    """The outcome of an operation."""

    reference: str
    status: Literal["approved", "declined"]
    decline_reason: str | None = None


class ReferenceReused(Exception):
    """The reference was used before for a different operation."""


@dataclass
class _Account:
    authorized: int
    captured: int = 0
    refunded: int = 0


@dataclass
class Network:
    """State of the network, in memory: it is lost when the process ends."""

    accounts: OrderedDict[str, _Account] = field(default_factory=OrderedDict)
    outcomes: OrderedDict[str, tuple[bytes, Outcome]] = field(default_factory=OrderedDict)

    def perform(self, request: Authorization | Capture | Refund) -> Outcome:
        """Perform the operation once; a repeated request returns the first outcome. Raises ReferenceReused."""
        # A digest, so that no card number stays in memory.
        digest = hashlib.sha256(type(request).__name__.encode() + request.model_dump_json().encode()).digest()
        known = self.outcomes.get(request.reference)
        if known:
            if known[0] != digest:
                raise ReferenceReused
            return known[1]
        reason = self._decide(request)
        outcome = Outcome(
            reference=request.reference, status="declined" if reason else "approved", decline_reason=reason
        )
        _remember(self.outcomes, request.reference, (digest, outcome))
        return outcome

    def find(self, reference: str) -> Outcome | None:
        """Return the outcome for `reference`, or None if no request with it arrived."""
        known = self.outcomes.get(reference)
        return known[1] if known else None

    def _decide(self, request: Authorization | Capture | Refund) -> str | None:
        match request:
            case Authorization():
                if reason := decline_reason(request.card.number):
                    return reason
                taken = request.amount if request.capture else 0
                _remember(self.accounts, request.reference, _Account(request.amount, taken))
            case Capture() if account := self.accounts.get(request.authorization):
                if account.captured or request.amount > account.authorized:
                    return "amount_too_large"
                account.captured = request.amount
            case Refund() if account := self.accounts.get(request.authorization):
                if request.amount > account.captured - account.refunded:
                    return "amount_too_large"
                account.refunded += request.amount
        return None


def _remember(memory: OrderedDict, reference: str, value: object) -> None:
    memory[reference] = value
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)
