"""The states of a payment, and the allowed transitions."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["TRANSITIONS", "Kind", "Status"]


class Status(StrEnum):
    """PENDING: the acquirer has not answered yet, or its answer was lost. DECLINED, FAILED and REFUNDED are final."""

    PENDING = "pending"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    DECLINED = "declined"
    FAILED = "failed"


class Kind(StrEnum):
    """The request to the acquirer. CHARGE is authorise and capture in one."""

    AUTHORISE = "authorise"
    CHARGE = "charge"
    CAPTURE = "capture"
    REFUND = "refund"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.AUTHORISED, Status.CAPTURED, Status.DECLINED, Status.FAILED}),
    Status.AUTHORISED: frozenset({Status.CAPTURED}),
    Status.CAPTURED: frozenset({Status.PARTIALLY_REFUNDED, Status.REFUNDED}),
    Status.PARTIALLY_REFUNDED: frozenset({Status.PARTIALLY_REFUNDED, Status.REFUNDED}),
    Status.REFUNDED: frozenset(),
    Status.DECLINED: frozenset(),
    Status.FAILED: frozenset(),
}
