"""One issue of the error tracker as an alert of Alertmanager: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

__all__ = ["ALERTS", "Unusable", "alert_of", "team_of"]

CATALOG = Path(__file__).resolve().parents[1] / "catalog.yml"
# What the tracker calls the reason -> the alert, and how it reads. Other reasons (unmuted, a test) are nobody's work.
ALERTS = {
    "NEW": ("NewErrorIssue", "New error in {service}: {title}"),
    "REGRESSED": ("RegressedErrorIssue", "An error that was resolved is back in {service}: {title}"),
}
_TITLE = 120
# What `make doctor` reports of itself (kit/failure.py) is no news.
_PROBE = "DoctorProbe"


class Unusable(ValueError):
    """The body is not what the tracker sends; the message says what is missing."""


def alert_of(issue: Mapping[str, Any], now: datetime, lasts: timedelta, runbooks: str) -> dict[str, Any] | None:
    """The alert for POST /api/v2/alerts, firing from `now` for as long as `lasts`; None where there is none to make.

    `runbooks` is the address below which each alert has its page. Raises Unusable.
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
            # One alert an issue: without it the second new error of a service would vanish in the first.
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
    """Who owns the service or micro-frontend of that name, from the catalog; `platform` for one without a row there."""
    import yaml

    catalog = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))
    row = (catalog["services"] | catalog["frontends"]).get(owner)
    return row["team"] if row else "platform"
