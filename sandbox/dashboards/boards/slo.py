"""Objectives and what is left of their error budgets: is it time to stop releasing, and what burns?"""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableRefresh, VariableSort

from sandbox.dashboards import limits
from sandbox.dashboards.board import board
from sandbox.dashboards.panels import EVERYTHING, PROMETHEUS, dial, figure, link, plot, timeline
from sandbox.dashboards.promql import FIRING, by_severity
from sandbox.dashboards.style import SEVERITIES, SPENT
from sandbox.dashboards.tables import Column, grid

__all__ = ["slo"]

# Names and labels are Sloth's: prometheus/slos says the objectives, the rules made from it record these. A guest's
# default objective belongs to its own service; sloth_service would call all of them "services".
CHOSEN = 'service=~"$service",sloth_slo=~"$slo"'
NAMED = "{{service}} {{sloth_slo}}"
BURNING = f'{FIRING.removesuffix("}")},{CHOSEN},sloth_slo!=""}}'
KEYS = {"service": "Service", "sloth_slo": "Objective"}
LEFT = f"slo:period_error_budget_remaining:ratio{{{CHOSEN}}}"
NONE_YET = "no objective has been measured yet"


def slo() -> dashboard.Dashboard:
    """The dashboard of /d/slo."""
    return board(
        "slo",
        "Objectives and error budgets",
        "Is the promise to customers kept, how much of the error budget is left, and what is burning it?",
        {"Now": _now, "Burning": _burning, "Budgets": _budgets},
        variables=[_choice("service", "Service", "service"), _choice("slo", "Objective", "sloth_slo")],
    )


def _choice(name: str, heading: str, label: str) -> dashboard.QueryVariable:
    chosen = dashboard.QueryVariable(name).label(heading).datasource(PROMETHEUS)
    chosen.query(f"label_values(slo:period_error_budget_remaining:ratio, {label})").refresh(
        VariableRefresh.ON_TIME_RANGE_CHANGED
    )
    return chosen.sort(VariableSort.ALPHABETICAL_ASC).multi(True).include_all(True).all_value(".+").current(EVERYTHING)


def _now() -> list:
    each = "max by (service, sloth_slo) (%s)"
    # What is promised to all guests has no service of its own.
    promised = each % f"0 * {LEFT} + on (sloth_id) group_left () slo:objective:ratio"
    failed = each % f"slo:period_burn_rate:ratio{{{CHOSEN}}} * on (sloth_id) group_left () slo:error_budget:ratio"
    return [
        figure(
            "Objectives burning",
            "Objectives whose budget goes faster than the period allows.",
            "short",
            f"count(slo:current_burn_rate:ratio{{{CHOSEN}}} > 1) or vector(0)",
            width=6,
            limit=limits.FIRING,
        ),
        figure(
            "Fastest burn",
            "The highest burn rate, and whose it is. 1: the budget lasts exactly the period.",
            "short",
            f"topk(1, slo:current_burn_rate:ratio{{{CHOSEN}}})",
            width=6,
            limit=limits.BURN_RATE,
            legend=NAMED,
            quiet="no requests",
        ),
        figure(
            "Least budget left",
            "The error budget with the least left of its period, and whose it is.",
            "percentunit",
            f"clamp_min(bottomk(1, {LEFT}), 0)",
            width=6,
            limit=limits.BUDGET_LEFT,
            legend=NAMED,
            mappings=[SPENT],
            quiet=NONE_YET,
        ),
        figure(
            "Alerts of objectives",
            "Alerts of burning budgets that fire.",
            "short",
            f"count({BURNING}) or vector(0)",
            width=6,
            limit=limits.FIRING,
        ),
        grid(
            "Every objective",
            "The promise, what was kept of it in the period, and what is left of the budget for failing.",
            KEYS,
            [
                Column("Burn rate", "short", each % f"slo:current_burn_rate:ratio{{{CHOSEN}}}", limits.BURN_RATE),
                Column("Budget left", "percentunit", f"clamp_min({each % LEFT}, 0)", limits.BUDGET_LEFT, [SPENT]),
                Column("Promised", "percentunit", promised),
                Column("Kept", "percentunit", f"1 - {failed}"),
            ],
            height=10,
            quiet=NONE_YET,
            links=[link("This service", "/d/service?var-service=${__value.raw}&${__url_time_range}")],
        ),
    ]


def _burning() -> list:
    return [
        plot(
            "Burn rate",
            "How fast each budget goes, as a multiple of what its period allows.",
            "short",
            [(f"slo:current_burn_rate:ratio{{{CHOSEN}}}", NAMED)],
            width=12,
            limit=limits.BURN_RATE,
            colours={},
            quiet="no requests",
        ),
        plot(
            "Share of bad events",
            "Failed or slow requests, as a share of all, over five minutes.",
            "percentunit",
            [(f"slo:sli_error:ratio_rate5m{{{CHOSEN}}}", NAMED)],
            width=12,
            colours={},
            quiet="no requests",
        ),
        timeline(
            "Alerts of objectives over time",
            "Each alert of a burning budget, while it fired, and how bad it was.",
            [(by_severity(BURNING, "alertname"), "{{alertname}}")],
            SEVERITIES,
            height=7,
            quiet="no budget burned fast enough for an alert",
        ),
    ]


def _budgets() -> list:
    return [
        dial(
            "Budget left",
            "What is left of each error budget in its period.",
            "percentunit",
            (f"clamp_min({LEFT}, 0)", NAMED),
            limit=limits.BUDGET_LEFT,
            width=12,
            mappings=[SPENT],
            quiet=NONE_YET,
        ).height(9),
        plot(
            "Budget left over time",
            "A slope is a burn; a step is an incident. At 0 the budget is spent and the objective missed.",
            "percentunit",
            [(f"clamp_min({LEFT}, 0)", NAMED)],
            width=12,
            height=9,
            limit=limits.BUDGET_LEFT,
            colours={},
            quiet=NONE_YET,
        ),
    ]
