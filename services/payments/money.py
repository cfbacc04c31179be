"""Valid amounts, currencies and cards, and the parts of a card that may be stored."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from pydantic_extra_types.currency_code import Currency
from pydantic_extra_types.payment import PaymentCardNumber

__all__ = ["Amount", "Card", "Currency", "Description", "KeptCard"]

# Eight digits, the usual limit of card processors: sums of such amounts fit into 64 bits.
LARGEST_AMOUNT = 99_999_999
Amount = Annotated[int, Field(strict=True, gt=0, le=LARGEST_AMOUNT, description="minor units", examples=[1250])]

_DIGITS = re.compile(r"(?:[0-9][ ._-]?){12,18}[0-9]")


class KeptCard(BaseModel):
    """The parts of a card that are stored."""

    brand: str
    last4: str


class Card(BaseModel):
    """A card as the customer types it. It lives as long as the request, and its repr shows nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    number: Annotated[PaymentCardNumber, Field(repr=False, examples=["4242424242424242"])]
    exp_month: Annotated[int, Field(strict=True, ge=1, le=12, repr=False)]
    exp_year: Annotated[int, Field(strict=True, ge=2000, le=2099, repr=False, examples=[2040])]
    cvc: Annotated[str, Field(pattern=r"^[0-9]{3,4}$", repr=False, examples=["123"])]

    @model_validator(mode="after")
    def _not_expired(self) -> Self:
        today = datetime.now(UTC)
        # A card is valid until the end of its month, in UTC.
        if (self.exp_year, self.exp_month) < (today.year, today.month):
            raise PydanticCustomError("card_expired", "the card has expired")
        return self

    @property
    def kept(self) -> KeptCard:
        """Return brand and last four digits."""
        return KeptCard(brand=str(self.number.brand), last4=self.number.last4)

    def on_the_wire(self) -> dict[str, str | int]:
        """Return the card for the acquirer, and for nothing else."""
        return {"number": str(self.number), "exp_month": self.exp_month, "exp_year": self.exp_year, "cvc": self.cvc}


def _storable(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("null_character", "the text must not contain a null character")
    for digits in _DIGITS.findall(text):
        try:
            PaymentCardNumber(re.sub(r"[^0-9]", "", digits))
        except PydanticCustomError:
            continue
        raise PydanticCustomError("card_number_in_text", "the text must not contain a card number")
    return text


Description = Annotated[str, Field(max_length=200), AfterValidator(_storable)]
