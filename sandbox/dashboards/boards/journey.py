"""The customer's way and the business: do people get in, pay, and get their money's worth of answers?"""

from grafana_foundation_sdk.builders import dashboard

from sandbox.dashboards import limits
from sandbox.dashboards.board import board
from sandbox.dashboards.panels import dial, figure, plot, timeline
from sandbox.dashboards.promql import PER_MINUTE, money, per_minute, quantile, rate, share
from sandbox.dashboards.style import CIRCUITS
from sandbox.dashboards.tables import Column, grid

__all__ = ["journey"]

AMOUNT = "payment_amount_minor_units"


def journey() -> dashboard.Dashboard:
    """The dashboard of /d/journey."""
    return board(
        "journey",
        "Customer journey and business",
        "Do customers get in and pay? Seen from outside by the synthetic customer, and counted inside.",
        {"From outside": _outside, "Payments": _payments, "Accounts": _accounts},
    )


def _share(metric: str, where: str, window: str = "5m") -> str:
    every = rate(metric, window=window)
    return share(f"({rate(metric, where=where, window=window)} or 0 * {every})", every)


def _outside() -> list:
    tried = rate("synthetic_steps_total", "step")
    failed = rate("synthetic_steps_total", "step", 'outcome="failure"')
    return [
        dial(
            "Journeys that succeed",
            "Share of journeys (log in, pay, look, log out) of the last five minutes that succeeded.",
            "percentunit",
            (_share("synthetic_journeys_total", 'outcome="success"'), "succeed"),
            limit=limits.SUCCEEDING,
            quiet="no journey in five minutes",
        ),
        figure(
            "Since the last success",
            "Time since a journey last succeeded.",
            "s",
            "time() - max(synthetic_last_success_timestamp_seconds > 0)",
            width=6,
            limit=limits.SINCE_SUCCESS,
            quiet="none has succeeded yet",
        ).height(6),
        figure(
            "A journey takes",
            "95 of 100 journeys of the last five minutes took less.",
            "s",
            quantile(0.95, "synthetic_journey_duration_seconds_bucket", window="5m"),
            width=6,
            limit=limits.JOURNEY,
            quiet="no journey in five minutes",
        ).height(6),
        figure("Journeys", "Journeys a minute.", PER_MINUTE, per_minute("synthetic_journeys_total"), width=6).height(6),
        plot(
            "Steps that fail",
            "Share of each step's tries that failed: where customers get stuck.",
            "percentunit",
            [(share(f"({failed} or 0 * {tried})", tried), "{{step}}")],
            width=12,
            limit=limits.FAILED_JOURNEYS,
            quiet="no journey",
        ),
        plot(
            "Duration of each step",
            "95th percentile of the time from a request to the end of its answer, measured by the customer.",
            "s",
            [(quantile(0.95, "synthetic_step_duration_seconds_bucket", "step", window="1m"), "{{step}}")],
            width=12,
            limit=limits.LATENCY,
            quiet="no journey",
        ),
    ]


def _payments() -> list:
    median = money(AMOUNT + "_bucket", "currency, le", "5m", "(histogram_quantile(0.5, {}) >= 0)")
    return [
        plot(
            "Payments by outcome",
            "Payments a minute. Declined is the card's doing; failed is ours or the card network's.",
            PER_MINUTE,
            [(per_minute("payments_total", "outcome"), "{{outcome}}")],
            stacked=True,
        ),
        plot(
            "Payments by decline reason",
            "Payments a minute that the card network declined, by the reason that it gave.",
            PER_MINUTE,
            [(per_minute("payments_total", "decline_reason", 'decline_reason!="none"'), "{{decline_reason}}")],
            stacked=True,
        ),
        grid(
            "Money",
            "Authorised in the last five minutes, by currency and in its own unit.",
            {"currency": "Currency"},
            [
                Column("Per minute", "none", f"60 * ({money(AMOUNT + '_sum', window='5m')})", decimals=2),
                Column("Median", "none", median, decimals=2),
            ],
            width=8,
            quiet="no payment was authorised in five minutes",
        ),
        plot(
            "Amounts",
            "Authorised a minute, each currency in its own unit.",
            "none",
            [(f"60 * ({money(AMOUNT + '_sum')})", "{{currency}}")],
        ).decimals(2),
        plot(
            "Refunds and replays",
            "A minute: money given back, and payments answered from their idempotency key, being sent twice.",
            PER_MINUTE,
            [(_or_zero("refunds_total"), "refunds"), (_or_zero("idempotent_replays_total"), "replays")],
        ),
        timeline(
            "Circuits",
            "Whether payments calls a peer, or refuses to because too many calls failed.",
            [("max by (peer) (circuit_open)", "{{peer}}")],
            CIRCUITS,
            width=8,
            height=8,
        ),
    ]


def _accounts() -> list:
    return [
        plot(
            "Log-ins by outcome",
            "Log-ins a minute. Many failures: an attack, or a broken client.",
            PER_MINUTE,
            [(per_minute("logins_total", "outcome"), "{{outcome}}")],
            stacked=True,
            width=12,
        ),
        plot(
            "Defences at work",
            "A minute: accounts locked after repeated failures, refresh tokens shown twice (one of them stolen), "
            "clients slowed down because they send too much.",
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
    # A counter with labels has no series before its first event; zero is what that means.
    return f"{per_minute(metric)} or vector(0)"
