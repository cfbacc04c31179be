"""Payments' HTTP interface."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from kit import deadline
from kit.deadline import Deadline
from kit.failure import PROBE, Failure, fail, probe
from kit.identity import Identity
from payments import answers, idempotency, queries
from payments.schemas import CaptureRequest, PaymentList, PaymentRequest, PaymentView, RefundRequest, RefundView
from payments.service import Service, current

__all__ = ["debug", "router"]

router = APIRouter()
debug = APIRouter()
debug.add_api_route(PROBE, probe, methods=["POST"], status_code=204)

Payments = Annotated[Service, Depends(current)]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="a name of your choice for this request; sending it again charges nothing again",
    ),
]


async def _caller(service: Payments, request: Request) -> Identity:
    """Return the identity for reading: the token is ours and has not expired."""
    return await service.sessions.identify(request.headers.get("Authorization"))


async def _deadline(service: Payments, request: Request) -> Deadline:
    return Deadline.from_header(request.headers.get(deadline.HEADER), service.settings.deadline_seconds)


Caller = Annotated[Identity, Depends(_caller)]
Until = Annotated[Deadline, Depends(_deadline)]


async def _confirmed(service: Payments, request: Request, caller: Caller, until: Until) -> Identity:
    """Return the identity for moving money: auth has confirmed the session, too.

    This service checks it itself, because the network behind the gateway is not trusted.
    """
    await service.sessions.confirm(request.headers["Authorization"], until)
    return caller


Confirmed = Annotated[Identity, Depends(_confirmed)]


@router.post("/payments", status_code=201, response_model=PaymentView)
async def pay(service: Payments, caller: Confirmed, until: Until, key: Key, wanted: PaymentRequest) -> Response:
    """Charge a card, or with `capture: false` reserve the amount. 402 if the card is declined."""
    card = wanted.card
    parts = ("pay", wanted.model_dump_json(exclude={"card"}), *map(str, card.on_the_wire().values()))
    request = _request(service, caller, key, *parts)
    return answers.respond(await service.flows.pay(request, wanted, until))


@router.get("/payments")
async def list_payments(
    service: Payments,
    caller: Caller,
    until: Until,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=64)] = None,
) -> PaymentList:
    """The caller's payments, newest first."""
    async with until.enforced():
        return await queries.page(service.database, caller.subject, limit, cursor)


@router.get("/payments/{payment_id}")
async def read_payment(service: Payments, caller: Caller, until: Until, payment_id: UUID) -> PaymentView:
    """One payment of the caller."""
    async with until.enforced():
        return await queries.one(service.database, caller.subject, payment_id)


@router.post("/payments/{payment_id}/capture", response_model=PaymentView)
async def capture(
    service: Payments, caller: Confirmed, until: Until, payment_id: UUID, wanted: CaptureRequest | None = None
) -> Response:
    """Capture all or part of the authorised amount, once. Repeating it changes nothing."""
    amount = wanted.amount if wanted else None
    return answers.respond(await service.flows.capture(caller.subject, payment_id, amount, until))


@router.post("/payments/{payment_id}/refunds", status_code=201, response_model=RefundView)
async def refund(
    service: Payments,
    caller: Confirmed,
    until: Until,
    key: Key,
    payment_id: UUID,
    wanted: RefundRequest | None = None,
) -> Response:
    """Refund all or part of the captured amount."""
    amount = wanted.amount if wanted else None
    request = _request(service, caller, key, "refund", str(payment_id), str(amount))
    return answers.respond(await service.flows.refund(request, payment_id, amount, until))


def _request(service: Service, caller: Identity, key: str, *parts: str) -> idempotency.Request:
    secret = service.settings.fingerprint_key.get_secret_value()
    return idempotency.Request.of(caller.subject, key, secret, *parts)


@debug.post("/debug/error")
async def fail_on_purpose(service: Payments, wanted: Failure | None = None) -> None:
    """Raise an unhandled exception, to practise finding it in the telemetry. Not in production."""
    await fail(wanted, service.database)
