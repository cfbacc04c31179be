"""Pay, capture, refund: the order of the steps at the acquirer, in the ledger and for the idempotency key."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from kit.database import Database
from kit.deadline import Deadline, DeadlineExceeded
from payments import answers, begin, idempotency, operations, signals
from payments.card_network import CardNetwork, NetworkUnavailable, OutcomeUnknown
from payments.idempotency import Answer, Request
from payments.money import Card
from payments.operations import Operation, Settled, Settlement
from payments.schemas import PaymentRequest
from payments.states import Kind

__all__ = ["Flows"]

log = logging.getLogger(__name__)
# Seconds that a second request waits for the first one with its key, before it is told to retry.
_PATIENCE = 5.0

Start = Callable[[AsyncConnection], Awaitable[Operation]]


class _Overtaken(Exception):
    """Another request claimed the key at the same time."""


class Flows:
    """The three flows. Each method raises kit.Problem if it does not succeed, and DatabaseUnavailable."""

    def __init__(self, database: Database, network: CardNetwork) -> None:
        self._database, self._network = database, network

    async def pay(self, request: Request, wanted: PaymentRequest, deadline: Deadline) -> Answer:
        """Authorise a new payment, and capture it unless the caller wants to capture later."""

        async def start(connection: AsyncConnection) -> Operation:
            return await begin.payment(connection, request.user_id, wanted)

        return await self._once(request, start, deadline, currency=wanted.currency, card=wanted.card)

    async def refund(self, request: Request, payment_id: UUID, amount: int | None, deadline: Deadline) -> Answer:
        """Refund part of the captured amount, or all that is left."""

        async def start(connection: AsyncConnection) -> Operation:
            return await begin.refund(connection, request.user_id, payment_id, amount)

        return await self._once(request, start, deadline)

    async def capture(self, user_id: str, payment_id: UUID, amount: int | None, deadline: Deadline) -> Answer:
        """Capture all or part of the authorised amount. Needs no key: repeats of a capture return its answer."""
        async with deadline.enforced(), self._database.transaction() as connection:
            begun = await begin.capture(connection, user_id, payment_id, amount)
        return begun if isinstance(begun, Answer) else await self._carry_out(begun, deadline)

    async def _once(
        self, request: Request, start: Start, deadline: Deadline, currency: str = "", card: Card | None = None
    ) -> Answer:
        wait = Deadline(deadline.within(_PATIENCE))
        while True:
            try:
                async with deadline.enforced(), self._database.transaction() as connection:
                    found = await idempotency.look_up(connection, request)
                    if found is None:
                        found = await start(connection)
                        if not await idempotency.claim(connection, request, found.id):
                            raise _Overtaken
            except idempotency.KeyReused:
                log.info(signals.PAYMENT_CONFLICT)
                raise answers.key_reused() from None
            except (_Overtaken, idempotency.InProgress):
                if wait.remaining <= 0:
                    raise answers.key_in_use() from None
                await asyncio.sleep(random.uniform(0.02, 0.06))
                continue
            return found if isinstance(found, Answer) else await self._carry_out(found, deadline, currency, card)

    async def _carry_out(
        self, operation: Operation, deadline: Deadline, currency: str = "", card: Card | None = None
    ) -> Answer:
        try:
            verdict = await self._network.perform(*_message(operation, currency, card), deadline)
        except (NetworkUnavailable, DeadlineExceeded) as error:
            # An earlier attempt may have arrived: an operation is abandoned only if its first attempt certainly failed.
            if operation.resumed:
                await self._leave_open(operation)
            else:
                await self.settle(operation, Settlement(abandoned=True))
            raise answers.unavailable(error, operation.resumed) from error
        except OutcomeUnknown as error:
            await self._leave_open(operation)
            if card is not None:
                signals.PAYMENTS.labels("unknown", currency, "none").inc()
            log.warning(signals.PAYMENT_UNKNOWN, extra={"payment_id": str(operation.payment_id), "reason": str(error)})
            raise answers.unknown(error, operation.payment_id) from error
        settlement = Settlement(verdict.decline_reason)
        settled = await self.settle(operation, settlement)
        if settled is None:
            raise answers.key_in_use()
        return answers.answer_of(settled, settlement)

    async def settle(
        self, operation: Operation, settlement: Settlement, untouched_for: timedelta | None = None
    ) -> Settled | None:
        """End an operation with all its consequences; None if another worker ended it."""
        async with self._database.transaction() as connection:
            settled = await operations.settle(connection, operation.id, settlement, untouched_for)
            if settled is None:
                return None
            if settlement.abandoned:
                await idempotency.free(connection, operation.id)
            else:
                await idempotency.keep(connection, operation.id, answers.answer_of(settled, settlement))
        answers.record(settled, settlement)
        return settled

    async def _leave_open(self, operation: Operation) -> None:
        async with self._database.transaction() as connection:
            await operations.unlock(connection, operation.id)


def _message(operation: Operation, currency: str, card: Card | None) -> tuple[str, Mapping[str, Any]]:
    """Return path and body of an operation for the acquirer."""
    body = {"reference": str(operation.id), "amount": operation.amount}
    match operation.kind:
        case Kind.AUTHORISE | Kind.CHARGE:
            assert card is not None
            capture = operation.kind is Kind.CHARGE
            return "/authorizations", body | {"currency": currency, "card": card.on_the_wire(), "capture": capture}
        case Kind.CAPTURE:
            return "/captures", body | {"authorization": str(operation.authorization)}
        case Kind.REFUND:
            return "/refunds", body | {"authorization": str(operation.authorization)}
