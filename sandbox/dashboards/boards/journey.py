"""Dashboard of the customer journey and business: whether customers can log in and pay, measured outside and inside."""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import board
from sandbox.dashboards.boards import shared
from sandbox.dashboards.panels import dial, figure, plot, timeline
from sandbox.dashboards.promql import PER_MINUTE, money, per_minute, quantile, rate, share
from sandbox.dashboards.style import CIRCUITS
from sandbox.dashboards.tables import Column, grid

__all__ = ["journey"]

AMOUNT = "payment_amount_minor_units"


def journey() -> dashboard.Dashboard:
    """Return the dashboard /d/journey."""
    return board(
        "journey",
        "Customer journey and business",
        "Can customers log in and pay? Measured from outside by the synthetic customer, and counted inside.",
        {"Synthetic customer": _outside, "Payments": _payments, "Accounts": _accounts},
    )


def _share(metric: str, where: str) -> str:
    every = rate(metric, window="5m")
    return share(f"({rate(metric, where=where, window='5m')} or 0 * {every})", every)


def _outside() -> list:
    tried = rate("synthetic_steps_total", "step")
    failed = rate("synthetic_steps_total", "step", 'outcome="failure"')
    return [
        dial(
            "Successful journeys",
            "Share of journeys (log in, pay, view, log out) that succeeded in the last five minutes.",
            "percentunit",
            (_share("synthetic_journeys_total", 'outcome="success"'), "successful"),
            limit=limits.SUCCEEDING,
            quiet="no journeys in five minutes",
        ),
        figure(
            "Since last success",
            "Time since the last successful journey.",
            "s",
            "time() - max(synthetic_last_success_timestamp_seconds > 0)",
            width=6,
            limit=limits.SINCE_SUCCESS,
            quiet="no journey has succeeded yet",
        ).height(6),
        figure(
            "p95 journey duration",
            "95th percentile of journey duration in the last five minutes.",
            "s",
            quantile(0.95, "synthetic_journey_duration_seconds_bucket", window="5m"),
            width=6,
            limit=limits.JOURNEY,
            quiet="no journeys in five minutes",
        ).height(6),
        figure("Journeys", "Journeys a minute.", PER_MINUTE, per_minute("synthetic_journeys_total"), width=6).height(6),
        plot(
            "Failed steps",
            "Share of attempts that failed, by step of the journey.",
            "percentunit",
            [(share(f"({failed} or 0 * {tried})", tried), "{{step}}")],
            width=12,
            limit=limits.FAILED_JOURNEYS,
            quiet="no journeys",
        ),
        plot(
            "p95 latency by step",
            "95th percentile of the time from a request to the end of its response, measured by the customer.",
            "s",
            [(quantile(0.95, "synthetic_step_duration_seconds_bucket", "step", window="1m"), "{{step}}")],
            width=12,
            limit=limits.LATENCY,
            quiet="no journeys",
        ),
    ]


def _payments() -> list:
    median = money(AMOUNT + "_bucket", "currency, le", "5m", "(histogram_quantile(0.5, {}) >= 0)")
    return [
        shared.payments_by_outcome(),
        plot(
            "Declined payments by reason",
            "Payments per minute that the card network declined, by its reason.",
            PER_MINUTE,
            [(per_minute("payments_total", "decline_reason", 'decline_reason!="none"'), "{{decline_reason}}")],
            stacked=True,
        ),
        grid(
            "Authorised amounts",
            "Amounts authorised in the last five minutes, each in the unit of its currency.",
            {"currency": "Currency"},
            [
                Column("Per minute", "none", f"60 * ({money(AMOUNT + '_sum', window='5m')})", decimals=2),
                Column("Median", "none", median, decimals=2),
            ],
            width=8,
            quiet="no authorised payments in five minutes",
        ),
        plot(
            "Authorised amounts over time",
            "Amounts authorised per minute, each in the unit of its currency.",
            "none",
            [(f"60 * ({money(AMOUNT + '_sum')})", "{{currency}}")],
        ).decimals(2),
        plot(
            "Refunds and replays",
            "Per minute: refunds, and duplicate payment requests answered by their idempotency key.",
            PER_MINUTE,
            [(_or_zero("refunds_total"), "refunds"), (_or_zero("idempotent_replays_total"), "replays")],
        ),
        timeline(
            "Circuit breakers",
            "State of the circuit breaker for each peer. Open: calls are rejected because too many failed.",
            [("max by (peer) (circuit_open)", "{{peer}}")],
            CIRCUITS,
            width=8,
            height=8,
        ),
    ]


def _accounts() -> list:
    return [
        shared.logins_by_outcome(width=12),
        plot(
            "Security events",
            "Per minute: accounts locked after repeated failures, refresh tokens used twice (one may be stolen), "
            "requests rejected by the rate limit.",
            PER_MINUTE,
            [
                (_or_zero("lockouts_total"), "lock-outs"),
                (_or_zero("token_reuse_total"), "token reuse"),
                (_or_zero("rate_limited_total"), "rate limited"),
            ],
            width=12,
        ),
    ]


def _or_zero(metric: str) -> str:
    # A counter with labels has no series before its first event, which means zero.
    return f"{per_minute(metric)} or vector(0)"
