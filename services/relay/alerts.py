"""Converts an issue of the error tracker to an alert for Alertmanager; pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

__all__ = ["ALERTS", "Unusable", "alert_of", "team_of"]

CATALOG = Path(__file__).resolve().parents[1] / "catalog.yml"
# Reason in the webhook -> name and summary of the alert. Other reasons (unmuted, a test) need no action.
ALERTS = {
    "NEW": ("NewErrorIssue", "New error in {service}: {title}"),
    "REGRESSED": ("RegressedErrorIssue", "An error that was resolved is back in {service}: {title}"),
}
_TITLE = 120
# The error of `make doctor`'s own probe (kit/failure.py) raises no alert.
_PROBE = "DoctorProbe"


class Unusable(ValueError):
    """The body is not a webhook call of the tracker; the message names what is missing."""


def alert_of(issue: Mapping[str, Any], now: datetime, lasts: timedelta, runbooks: str) -> dict[str, Any] | None:
    """Return the alert for POST /api/v2/alerts, firing from `now` for `lasts`; None if the issue needs no alert.

    `runbooks` is the base address of the alerts' runbooks. Raises Unusable.
    """
    try:
        reason, service, title = (str(issue[key]) for key in ("alert_reason", "project_name", "title"))
        name, url, events = str(issue["friendly_id"]), str(issue["url"]), int(issue["digested_event_count"])
    except (KeyError, TypeError, ValueError) as error:
        raise Unusable(f"{error} is missing or wrong") from error
    if reason not in ALERTS or title.partition(":")[0] == _PROBE:
        return None
    alert, summary = ALERTS[reason]
    return {
        "labels": {
            "alertname": alert,
            "severity": "ticket",
            "team": team_of(service),
            "service": service,
            # One alert per issue: without this label, a second new error of a service would be merged into the first
            # alert.
            "issue": name,
        },
        "annotations": {
            "summary": summary.format(service=service, title=title[:_TITLE]),
            "description": f"{name}, seen {events} times so far. Stack, release and trace id: {url}",
            "runbook_url": f"{runbooks}/{alert}.md",
            "dashboard_url": url,
        },
        "generatorURL": url,
        "startsAt": now.isoformat(),
        "endsAt": (now + lasts).isoformat(),
    }


def team_of(owner: str) -> str:
    """Return the team that owns a service or micro-frontend, from the catalog; `platform` if it has no row there."""
    import yaml

    catalog = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))
    row = (catalog["services"] | catalog["frontends"]).get(owner)
    return row["team"] if row else "platform"
