"""Dashboard of objectives: remaining error budgets, and what consumes them."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableRefresh, VariableSort

from sandbox.dashboards import limits
from sandbox.dashboards.board import board
from sandbox.dashboards.panels import EVERYTHING, PROMETHEUS, dial, figure, link, plot, timeline
from sandbox.dashboards.promql import FIRING, by_severity
from sandbox.dashboards.style import SEVERITIES, SPENT
from sandbox.dashboards.tables import Column, grid

__all__ = ["slo"]

# Names and labels are Sloth's: the rules generated from prometheus/slos record these. Use the label `service`: the
# default objective of added services has one `sloth_service`, "services", for all of them.
CHOSEN = 'service=~"$service",sloth_slo=~"$slo"'
NAMED = "{{service}} {{sloth_slo}}"
BURNING = f'{FIRING.removesuffix("}")},{CHOSEN},sloth_slo!=""}}'
KEYS = {"service": "Service", "sloth_slo": "Objective"}
LEFT = f"slo:period_error_budget_remaining:ratio{{{CHOSEN}}}"
NONE_YET = "no objective measured yet"


def slo() -> dashboard.Dashboard:
    """Return the dashboard /d/slo."""
    return board(
        "slo",
        "Objectives and error budgets",
        "Are the objectives met, how much of the error budget remains, and what burns it?",
        {"Current state": _now, "Burn rates": _burning, "Error budgets": _budgets},
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
    # The target of the default objective has no label `service`.
    promised = each % f"0 * {LEFT} + on (sloth_id) group_left () slo:objective:ratio"
    failed = each % f"slo:period_burn_rate:ratio{{{CHOSEN}}} * on (sloth_id) group_left () slo:error_budget:ratio"
    return [
        figure(
            "Burning objectives",
            "Objectives with a burn rate above 1: the budget will not last for the period.",
            "short",
            f"count(slo:current_burn_rate:ratio{{{CHOSEN}}} > 1) or vector(0)",
            width=6,
            limit=limits.FIRING,
        ),
        figure(
            "Highest burn rate",
            "Highest burn rate and its objective. At 1, the budget lasts exactly for the period.",
            "short",
            f"topk(1, slo:current_burn_rate:ratio{{{CHOSEN}}})",
            width=6,
            limit=limits.BURN_RATE,
            legend=NAMED,
            quiet="no requests",
        ),
        figure(
            "Lowest remaining budget",
            "Lowest remaining error budget and its objective.",
            "percentunit",
            f"clamp_min(bottomk(1, {LEFT}), 0)",
            width=6,
            limit=limits.BUDGET_LEFT,
            legend=NAMED,
            mappings=[SPENT],
            quiet=NONE_YET,
        ),
        figure(
            "Firing SLO alerts",
            "Firing alerts on error budget burn.",
            "short",
            f"count({BURNING}) or vector(0)",
            width=6,
            limit=limits.FIRING,
        ),
        grid(
            "Objectives",
            "Target and achieved ratio of the period, burn rate and remaining error budget.",
            KEYS,
            [
                Column("Burn rate", "short", each % f"slo:current_burn_rate:ratio{{{CHOSEN}}}", limits.BURN_RATE),
                Column("Budget left", "percentunit", f"clamp_min({each % LEFT}, 0)", limits.BUDGET_LEFT, [SPENT]),
                Column("Target", "percentunit", promised),
                Column("Achieved", "percentunit", f"1 - {failed}"),
            ],
            height=10,
            quiet=NONE_YET,
            links=[link("Service dashboard", "/d/service?var-service=${__value.raw}&${__url_time_range}")],
        ),
    ]


def _burning() -> list:
    return [
        plot(
            "Burn rate",
            "Rate of budget use. At 1, the budget lasts exactly for the period.",
            "short",
            [(f"slo:current_burn_rate:ratio{{{CHOSEN}}}", NAMED)],
            width=12,
            limit=limits.BURN_RATE,
            colours={},
            quiet="no requests",
        ),
        plot(
            "Error ratio (5 minutes)",
            "Share of failed or slow requests over five minutes.",
            "percentunit",
            [(f"slo:sli_error:ratio_rate5m{{{CHOSEN}}}", NAMED)],
            width=12,
            colours={},
            quiet="no requests",
        ),
        timeline(
            "SLO alert timeline",
            "Alerts on error budget burn, when they fired, and their severity.",
            [(by_severity(BURNING, "alertname"), "{{alertname}}")],
            SEVERITIES,
            height=7,
            quiet="no SLO alert fired",
        ),
    ]


def _budgets() -> list:
    return [
        dial(
            "Remaining budget",
            "Remaining share of each error budget in its period.",
            "percentunit",
            (f"clamp_min({LEFT}, 0)", NAMED),
            limit=limits.BUDGET_LEFT,
            width=12,
            mappings=[SPENT],
            quiet=NONE_YET,
        ).height(9),
        plot(
            "Remaining budget over time",
            "A slope is a burn, a step is an incident. At 0, the budget is spent and the objective is missed.",
            "percentunit",
            [(f"clamp_min({LEFT}, 0)", NAMED)],
            width=12,
            height=9,
            limit=limits.BUDGET_LEFT,
            colours={},
            quiet=NONE_YET,
        ),
    ]
