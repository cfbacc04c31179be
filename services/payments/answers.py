"""How results are reported: to the customer, in metrics and in the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import Response
from fastapi.responses import JSONResponse

from kit import Problem
from kit.deadline import DeadlineExceeded
from payments import signals
from payments.card_network import NetworkUnavailable, OutcomeUnknown
from payments.idempotency import Answer
from payments.money import KeptCard
from payments.operations import Settled, Settlement
from payments.schemas import PaymentView, RefundView
from payments.states import Kind

__all__ = [
    "answer_of",
    "key_in_use",
    "key_reused",
    "no_such_payment",
    "record",
    "respond",
    "unavailable",
    "unknown",
    "view_of",
]

log = logging.getLogger(__name__)

REPLAYED_HEADER = "Idempotent-Replayed"


def no_such_payment() -> Problem:
    """Return a 404, also for another customer's payment, so that its existence is not revealed."""
    return Problem(404, "no-such-payment", "There is no such payment.")


def key_reused() -> Problem:
    """Return the problem for a key that was used with a different request."""
    detail = "This Idempotency-Key belongs to a different request. Use a new key for a new payment."
    return Problem(409, "idempotency-key-reused", detail)


def key_in_use() -> Problem:
    """Return the problem for a key whose first request is still in progress."""
    detail = "A request with this Idempotency-Key is under way. Send the same request again in a moment."
    return Problem(409, "idempotency-key-in-use", detail, headers={"Retry-After": "1"})


def unavailable(error: NetworkUnavailable | DeadlineExceeded, resumed: bool) -> Problem:
    """Return the problem of a request that charged nothing: 503 if the circuit is open, 504 on timeout, else 502."""
    effect = "How an earlier attempt ended is not known yet." if resumed else "Nothing was changed."
    if isinstance(error, DeadlineExceeded):
        return Problem(504, "deadline-exceeded", f"Time ran out before the card network was asked. {effect}")
    if error.retry_after is not None:
        headers = {"Retry-After": str(error.retry_after)}
        detail = f"The card network is not available at present. {effect}"
        return Problem(503, "acquirer-circuit-open", detail, headers=headers)
    return Problem(502, "acquirer-unavailable", f"The card network could not be reached. {effect}")


def unknown(error: OutcomeUnknown, payment_id: UUID) -> Problem:
    """Return the problem if the charge is uncertain: 504 without a response, 502 for one that cannot be parsed."""
    detail = "The outcome is not known yet. Send the same request again, or ask for the payment later."
    status, kind = (504, "acquirer-timeout") if error.timed_out else (502, "acquirer-error")
    return Problem(status, kind, detail, payment_id=str(payment_id))


def view_of(row: Mapping[str, Any]) -> PaymentView:
    """Return a row of the payments table as its customer sees it."""
    return PaymentView(**row, card=KeptCard(brand=row["card_brand"], last4=row["card_last4"]))


def answer_of(settled: Settled, settlement: Settlement) -> Answer:
    """Return the answer to the request that started the operation; not for abandoned operations."""
    payment = settled.payment
    if settlement.decline_reason:
        body = {"payment_id": str(payment["id"]), "decline_reason": settlement.decline_reason}
        return Answer(402 if settled.kind in (Kind.AUTHORISE, Kind.CHARGE) else 409, body)
    if settled.kind is Kind.REFUND:
        view = RefundView(
            id=settled.operation_id,
            payment_id=payment["id"],
            status="succeeded",
            amount=settled.amount,
            currency=payment["currency"],
            created_at=settled.created_at,
        )
        return Answer(201, view.model_dump(mode="json"))
    return Answer(200 if settled.kind is Kind.CAPTURE else 201, view_of(payment).model_dump(mode="json"))


def respond(answer: Answer) -> Response:
    """Return the HTTP response of an answer. Raises Problem for a decline."""
    headers = {REPLAYED_HEADER: "true"} if answer.replayed else {}
    if answer.replayed:
        signals.IDEMPOTENT_REPLAYS.inc()
        log.info(signals.PAYMENT_REPLAYED)
    if answer.status < 400:
        return JSONResponse(answer.body, answer.status, headers=headers)
    kind, detail = ("payment-declined", "The card was declined.")
    if answer.status == 409:
        kind, detail = ("operation-declined", "The card network declined this.")
    raise Problem(answer.status, kind, detail, headers=headers, **answer.body)


def record(settled: Settled, settlement: Settlement) -> None:
    """Count and log a finished operation."""
    _count(settled, settlement)
    payment = settled.payment
    fields = {"payment_id": str(payment["id"]), "currency": payment["currency"], "amount": settled.amount}
    match settled.kind, settlement.status:
        case _, "abandoned":
            log.warning(signals.PAYMENT_FAILED, extra=fields)
        case _, "declined":
            log.info(signals.PAYMENT_DECLINED, extra=fields | {"decline_reason": settlement.decline_reason})
        case Kind.AUTHORISE, _:
            log.info(signals.PAYMENT_AUTHORISED, extra=fields)
        case Kind.REFUND, _:
            log.info(signals.PAYMENT_REFUNDED, extra=fields | {"refund_id": str(settled.operation_id)})
        case _:
            log.info(signals.PAYMENT_CAPTURED, extra=fields)


def _count(settled: Settled, settlement: Settlement) -> None:
    currency = settled.payment["currency"]
    if settled.kind is Kind.REFUND:
        outcome = {"done": "succeeded", "abandoned": "failed"}.get(settlement.status, "declined")
        signals.REFUNDS.labels(outcome, currency).inc()
    if settled.kind in (Kind.AUTHORISE, Kind.CHARGE):
        outcome = {"done": "authorised", "abandoned": "failed"}.get(settlement.status, "declined")
        signals.PAYMENTS.labels(outcome, currency, settlement.decline_reason or "none").inc()
        if outcome == "authorised":
            signals.PAYMENT_AMOUNT.labels(currency).observe(settled.amount)
