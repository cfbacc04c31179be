"""Acknowledges alerts: creates an Alertmanager silence, which stops escalation while the alert is being handled."""

import getpass
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["AckError", "acknowledge", "overview", "withdraw"]

SECONDS = 5
_DURATION = re.compile(r"(\d+)([smh])")
# Alertmanager runs on this machine; ignore any proxy of the environment.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


class AckError(Exception):
    """Nothing was silenced. The message gives the reason and the next step."""


def acknowledge(alertmanager: str, alert: str, *, service: str = "", by: str = "", hold: str = "1h") -> str:
    """Silence a firing alert for `hold` (such as 30m); return a sentence about what is silenced and until when.

    Each service for which the alert fires now, or only `service`, gets its own silence, so that the same alert of
    another service still pages. `alertmanager` is the address of Alertmanager; `by` is the person who acknowledges
    (default: the current user). Raises AckError if the alert does not fire.
    """
    firing = _firing(alertmanager)
    chosen = [one for one in firing if one["alertname"] == alert and service in ("", one.get("service", ""))]
    if not chosen:
        names = sorted({f"{one['alertname']} ({one.get('service', 'no service')})" for one in firing})
        raise AckError(f"{alert} does not fire. Firing now: {', '.join(names) or 'nothing'}.")
    who, until = by or getpass.getuser(), datetime.now(UTC) + _duration(hold)
    services = sorted({one.get("service", "") for one in chosen})
    for name in services:
        body = {
            "matchers": [_matcher("alertname", alert), _matcher("service", name)],
            "startsAt": datetime.now(UTC).isoformat(),
            "endsAt": until.isoformat(),
            "createdBy": who,
            "comment": f"Acknowledged by {who}",
        }
        _call("POST", f"{alertmanager}/api/v2/silences", body)
    shown = ", ".join(filter(None, services))
    return (
        f"{alert}{f' ({shown})' if shown else ''} is acknowledged by {who}: "
        f"it is not escalated until {until:%H:%M} UTC.\n"
        "While it is acknowledged, no mail is sent when it is resolved either: watch the dashboard.\n"
        f"To withdraw the acknowledgement: make unack ALERT={alert}"
    )


def overview(alertmanager: str) -> str:
    """List the firing pages, one per line, with who acknowledged each and until when; then the other silences."""
    silences = {one["id"]: one for one in _silences(alertmanager)}
    pages = [one for one in _alerts(alertmanager) if one["labels"].get("severity") == "page"]
    lines = [_line(one, silences) for one in sorted(pages, key=lambda one: (one["labels"]["alertname"], _service(one)))]
    used = {silence for one in pages for silence in one["status"]["silencedBy"]}
    idle = [f"Silenced, and no page: {_held(one)}" for name, one in silences.items() if name not in used]
    return "\n".join([*(lines or ["No page fires."]), *sorted(idle)])


def withdraw(alertmanager: str, alert: str, *, service: str = "") -> str:
    """Remove every acknowledgement of an alert, or only those for one service. Raises AckError if there is none."""
    wanted = [_matcher("alertname", alert)] + ([_matcher("service", service)] if service else [])
    found = [one for one in _silences(alertmanager) if all(part in one["matchers"] for part in wanted)]
    if not found:
        raise AckError(f"{alert} is not acknowledged by anybody.")
    for one in found:
        _call("DELETE", f"{alertmanager}/api/v2/silence/{one['id']}")
    return f"{alert} is no longer acknowledged: if it still fires, it is sent again."


def _line(alert: dict[str, Any], silences: dict[str, dict[str, Any]]) -> str:
    name, service, status = alert["labels"]["alertname"], _service(alert), alert["status"]
    title = f"{name} ({service})" if service else name
    if holders := [silences[one] for one in status["silencedBy"] if one in silences]:
        last = max(holders, key=lambda one: one["endsAt"])
        return f"{title}: acknowledged by {last['createdBy']} until {_clock(last)} UTC"
    if status["inhibitedBy"]:
        return f"{title}: inhibited, another alert explains it"
    return (
        f"{title}: not acknowledged. To acknowledge it: make ack ALERT={name}{f' SERVICE={service}' if service else ''}"
    )


def _held(silence: dict[str, Any]) -> str:
    matchers = ", ".join(f"{one['name']}={one['value']}" for one in silence["matchers"] if one["value"])
    return f"{matchers}, by {silence['createdBy']} until {_clock(silence)} UTC"


def _clock(silence: dict[str, Any]) -> str:
    return silence["endsAt"][11:16]


def _service(alert: dict[str, Any]) -> str:
    return alert["labels"].get("service", "")


def _silences(alertmanager: str) -> list[dict[str, Any]]:
    return [one for one in _call("GET", f"{alertmanager}/api/v2/silences") if one["status"]["state"] == "active"]


def _alerts(alertmanager: str, *, silenced: bool = True) -> list[dict[str, Any]]:
    query = {"active": "true", "silenced": str(silenced).lower(), "inhibited": "true"}
    return _call("GET", f"{alertmanager}/api/v2/alerts?{urllib.parse.urlencode(query)}")


def _firing(alertmanager: str) -> list[dict[str, str]]:
    found = [one["labels"] for one in _alerts(alertmanager, silenced=False)]
    return [labels for labels in found if labels.get("severity") != "none"]


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
        with _DIRECT.open(request, timeout=SECONDS) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise AckError(f"Alertmanager answered {error.code}: {error.read().decode()[:200]}") from None
    except OSError as error:
        raise AckError(
            f"Alertmanager does not answer ({error}). `make status` shows why; `make up` starts it."
        ) from None
