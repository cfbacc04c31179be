"""Metrics and events of payments, in addition to those that all services share."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from kit.signals import DATABASE_UNAVAILABLE, MIGRATED, PEER_RETRY, PEER_UNAVAILABLE, TOKEN_REJECTED
from sandbox_telemetry.events import TASK_FAILED, Event
from sandbox_telemetry.metrics import REGISTRY
from sandbox_telemetry.names import declare

__all__ = ["DATABASE_UNAVAILABLE", "MIGRATED", "PEER_RETRY", "PEER_UNAVAILABLE", "TASK_FAILED", "TOKEN_REJECTED"]

PAYMENTS = Counter("payments", "Payments by outcome.", ("outcome", "currency", "decline_reason"), registry=REGISTRY)
PAYMENT_AMOUNT = Histogram(
    "payment_amount_minor_units",
    "Amounts of authorised payments.",
    ("currency",),
    buckets=(100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000),
    registry=REGISTRY,
)
REFUNDS = Counter("refunds", "Refunds by outcome.", ("outcome", "currency"), registry=REGISTRY)
IDEMPOTENT_REPLAYS = Counter(
    "idempotent_replays", "Payment requests answered from their idempotency key.", registry=REGISTRY
)
CIRCUIT_OPEN = Gauge("circuit_open", "1 while the circuit breaker to the peer is open.", ("peer",), registry=REGISTRY)

PAYMENT_AUTHORISED = Event("payment.authorised", "payment authorised")
PAYMENT_DECLINED = Event("payment.declined", "payment declined")
PAYMENT_CAPTURED = Event("payment.captured", "payment captured")
PAYMENT_REFUNDED = Event("payment.refunded", "payment refunded")
PAYMENT_REPLAYED = Event("payment.replayed", "payment answered from its idempotency key")
PAYMENT_CONFLICT = Event("payment.conflict", "idempotency key reused for another request")
PAYMENT_FAILED = Event("payment.failed", "payment failed, nothing was charged")
PAYMENT_UNKNOWN = Event("payment.unknown", "outcome of the payment unknown, acquirer did not answer")
CIRCUIT_OPENED = Event("circuit.opened", "circuit opened")
CIRCUIT_CLOSED = Event("circuit.closed", "circuit closed")

declare(
    log_fields={
        "amount": "amount in minor units of its currency",
        "currency": "currency by ISO 4217",
        "decline_reason": "why a card was declined",
        "payment_id": "the payment's id",
        "refund_id": "the refund's id",
    }
)
