"""Panels that stand on several dashboards."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import DashboardLink

from sandbox.dashboards import limits
from sandbox.dashboards.panels import figure, plot, timeline
from sandbox.dashboards.promql import PER_MINUTE, per_minute
from sandbox.dashboards.style import PRESENCE

__all__ = ["logins_by_outcome", "payments_by_outcome", "scrape_targets", "targets_down"]


def targets_down(links: Sequence[DashboardLink] = ()) -> stat.Panel:
    return figure(
        "Targets down",
        "Scrape targets that are down, without Grafana.",
        "short",
        'count(up{job!="optional"} == 0) or vector(0)',
        limit=limits.GONE,
        links=links,
    )


def scrape_targets(width: int = 24) -> statetimeline.Panel:
    return timeline(
        "Scrape targets",
        "Whether Prometheus can scrape each target, without Grafana, which does not run everywhere.",
        [('max by (service) (up{job!="optional"})', "{{service}}")],
        PRESENCE,
        width=width,
        height=9,
    )


def payments_by_outcome(width: int = 8) -> timeseries.Panel:
    return plot(
        "Payments by outcome",
        "Payments per minute. Declined: by the cardholder's bank. Failed: our error or the card network's.",
        PER_MINUTE,
        [(per_minute("payments_total", "outcome"), "{{outcome}}")],
        width=width,
        stacked=True,
    )


def logins_by_outcome(width: int = 8) -> timeseries.Panel:
    return plot(
        "Log-ins by outcome",
        "Log-ins per minute. Many failures: an attack or a broken client.",
        PER_MINUTE,
        [(per_minute("logins_total", "outcome"), "{{outcome}}")],
        width=width,
        stacked=True,
    )
