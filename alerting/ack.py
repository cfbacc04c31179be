"""Acknowledging: a silence for what fires, so that it is sent to nobody else while somebody works on it."""

import getpass
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["AckError", "acknowledge", "withdraw"]

SECONDS = 5
_DURATION = re.compile(r"(\d+)([smh])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


class AckError(Exception):
    """Nothing was silenced; the message says why and what to do next."""


def acknowledge(alertmanager: str, alert: str, *, service: str = "", by: str = "", hold: str = "1h") -> str:
    """Silence a firing alert for `hold` (such as 30m); a sentence about what was silenced and until when.

    `alertmanager` is its address, `by` who answers (the user by default). Raises AckError when it does not fire.
    """
    firing = _firing(alertmanager)
    chosen = [one for one in firing if one["alertname"] == alert and service in ("", one.get("service", ""))]
    if not chosen:
        names = sorted({f"{one['alertname']} ({one.get('service', 'no service')})" for one in firing})
        raise AckError(f"{alert} does not fire. Firing now: {', '.join(names) or 'nothing'}.")
    who, until = by or getpass.getuser(), datetime.now(UTC) + _duration(hold)
    matchers = [_matcher("alertname", alert)] + ([_matcher("service", service)] if service else [])
    body = {
        "matchers": matchers,
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": until.isoformat(),
        "createdBy": who,
        "comment": f"Acknowledged by {who}",
    }
    silence = _call("POST", f"{alertmanager}/api/v2/silences", body)["silenceID"]
    services = ", ".join(sorted({one.get("service", "") for one in chosen} - {""}))
    return (
        f"{alert}{f' ({services})' if services else ''} is yours, {who}: nobody else is told until {until:%H:%M} UTC.\n"
        "While it is acknowledged no mail says that it is over, either: watch the dashboard.\n"
        f"Give it back: make unack ALERT={alert}   (silence {silence})"
    )


def withdraw(alertmanager: str, alert: str) -> str:
    """End every acknowledgement of an alert. Raises AckError when there is none."""
    silences = [
        one
        for one in _call("GET", f"{alertmanager}/api/v2/silences")
        if one["status"]["state"] == "active" and _matcher("alertname", alert) in one["matchers"]
    ]
    if not silences:
        raise AckError(f"{alert} is not acknowledged by anybody.")
    for one in silences:
        _call("DELETE", f"{alertmanager}/api/v2/silence/{one['id']}")
    return f"{alert} is nobody's any more: if it still fires, it is sent again."


def _firing(alertmanager: str) -> list[dict[str, str]]:
    query = urllib.parse.urlencode({"active": "true", "silenced": "false", "inhibited": "true"})
    alerts = _call("GET", f"{alertmanager}/api/v2/alerts?{query}")
    return [one["labels"] for one in alerts if one["labels"].get("severity") != "none"]


def _matcher(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": False, "isEqual": True}


def _duration(text: str) -> timedelta:
    if not (found := _DURATION.fullmatch(text)) or found[1] == "0":
        raise AckError(f"FOR={text} is no duration: write 30m or 2h.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _call(method: str, url: str, body: Any = None) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise AckError(f"Alertmanager answered {error.code}: {error.read().decode()[:200]}") from None
    except OSError as error:
        raise AckError(
            f"Alertmanager does not answer ({error}). `make status` shows why; `make up` starts it."
        ) from None
