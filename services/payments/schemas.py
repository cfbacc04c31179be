"""Requests and responses of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from payments.money import Amount, Card, Currency, Description, KeptCard
from payments.states import Status

__all__ = ["CaptureRequest", "PaymentList", "PaymentRequest", "PaymentView", "RefundRequest", "RefundView"]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class PaymentRequest(_Request):
    """`capture: false` only reserves the amount; POST /payments/{id}/capture takes it later."""

    amount: Amount
    currency: Currency
    card: Annotated[Card, Field(repr=False)]
    description: Description = ""
    capture: Annotated[bool, Field(strict=True)] = True


class CaptureRequest(_Request):
    """Without an amount, all of the authorised amount."""

    amount: Amount | None = None


class RefundRequest(_Request):
    """Without an amount, all that is left."""

    amount: Amount | None = None


class PaymentView(BaseModel):
    """A payment as its customer sees it; amounts are in minor units."""

    id: UUID
    status: Status
    amount: int
    captured_amount: int
    refunded_amount: int
    currency: str
    card: KeptCard
    description: str
    decline_reason: str | None
    created_at: datetime


class PaymentList(BaseModel):
    """Newest first. `next_cursor` is the `cursor` of the next page, null on the last page."""

    items: list[PaymentView]
    next_cursor: str | None


class RefundView(BaseModel):
    """A completed refund."""

    id: UUID
    payment_id: UUID
    status: str
    amount: int
    currency: str
    created_at: datetime
