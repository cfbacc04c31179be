"""Background work: find out the outcome of forgotten operations, and delete old idempotency keys."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from kit.database import Database, DatabaseUnavailable
from kit.deadline import Deadline, DeadlineExceeded
from payments import idempotency, operations, signals
from payments.card_network import CardNetwork, NetworkUnavailable, OutcomeUnknown
from payments.flows import Flows
from payments.operations import Operation, Settlement
from payments.settings import Settings

__all__ = ["keep_house", "settle_forgotten"]

log = logging.getLogger(__name__)
_AT_ONCE = 50


async def keep_house(database: Database, flows: Flows, network: CardNetwork, chosen: Settings) -> None:
    """Repeat the housekeeping periodically, until cancelled."""
    while True:
        await asyncio.sleep(chosen.housekeeping_seconds)
        try:
            # Belongs to no request, so its calls create no traces (sandbox_telemetry/tracing.py).
            await settle_forgotten(database, flows, network, timedelta(seconds=chosen.settle_after_seconds))
            async with database.transaction() as connection:
                await idempotency.expire(connection, timedelta(hours=chosen.idempotency_key_hours))
        except DatabaseUnavailable as error:
            log.warning(signals.DATABASE_UNAVAILABLE, extra={"error_type": type(error.__cause__).__name__})
        except Exception:
            log.exception(signals.TASK_FAILED)


async def settle_forgotten(database: Database, flows: Flows, network: CardNetwork, age: timedelta) -> int:
    """Ask the acquirer for the outcome of operations untouched for `age`, and end them; return their number.

    `age` is longer than any request may take, so an operation that the acquirer does not know will never arrive there.
    """
    async with database.read() as connection:
        found = await operations.forgotten(connection, age, _AT_ONCE)
    settled = 0
    for operation in found:
        settlement = await _ask(network, operation)
        if settlement is None:
            break
        settled += await flows.settle(operation, settlement, untouched_for=age) is not None
    return settled


async def _ask(network: CardNetwork, operation: Operation) -> Settlement | None:
    try:
        verdict = await network.find(operation.id, Deadline(5.0))
    except (NetworkUnavailable, OutcomeUnknown, DeadlineExceeded):
        return None
    return Settlement(verdict.decline_reason) if verdict else Settlement(abandoned=True)
