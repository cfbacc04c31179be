"""An issue of the tracker becomes one alert of the owning team, even if Alertmanager is unavailable for a while."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from relay.alerts import Unusable, alert_of
from relay.app import Relay, create
from relay.settings import Settings

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ISSUE = {
    "alert_reason": "NEW",
    "project_name": "frontend-payments",
    "title": "DeliberateFailure",
    "friendly_id": "FRONTEND-PAYMENTS-7",
    "url": "http://127.0.0.1:8800/issues/7/",
    "digested_event_count": 1,
}
RUNBOOKS = "http://127.0.0.1:9090/user"
VARIABLES = {"ALERTMANAGER_URL": "http://alertmanager:9093/", "RUNBOOKS_URL": f"{RUNBOOKS}/"}


def settings_of(variables: dict[str, str]) -> Settings:
    return Settings(**{name.lower(): value for name, value in variables.items()})


SETTINGS = settings_of(VARIABLES)


class Alertmanager(httpx.AsyncBaseTransport):
    """Accepts alerts after refusing `away` times."""

    def __init__(self, away: int = 0, status: int = 200) -> None:
        self.away, self.status = away, status
        self.taken: list[dict[str, Any]] = []
        self.arrived = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert request.url == "http://alertmanager:9093/api/v2/alerts"
        if self.away:
            self.away -= 1
            raise httpx.ConnectError("not there")
        self.taken += json.loads(await request.aread())
        self.arrived.set()
        return httpx.Response(self.status)


def alert(**changes: Any) -> dict[str, Any] | None:
    return alert_of({**ISSUE, **changes}, NOW, timedelta(minutes=15), RUNBOOKS)


@pytest.mark.parametrize("reason", ["NEW", "REGRESSED"])
@pytest.mark.parametrize("title", ["DoctorProbe", "DoctorProbe: "])
def test_probe_of_the_doctor_sends_no_notification(reason: str, title: str) -> None:
    assert alert(title=title, alert_reason=reason) is None
    assert alert(title="DoctorProbeFailure", alert_reason=reason) is not None


def test_new_issue_is_an_alert_of_the_team_that_owns_the_micro_frontend() -> None:
    made = alert()
    assert made is not None
    assert made["labels"] == {
        "alertname": "NewErrorIssue",
        "severity": "ticket",
        "team": "payments",
        "service": "frontend-payments",
        "issue": "FRONTEND-PAYMENTS-7",
    }
    assert made["annotations"]["summary"] == "New error in frontend-payments: DeliberateFailure"
    assert made["annotations"]["runbook_url"] == f"{RUNBOOKS}/NewErrorIssue.md"
    assert made["generatorURL"] == ISSUE["url"]
    assert (made["startsAt"], made["endsAt"]) == ("2026-01-02T03:04:05+00:00", "2026-01-02T03:19:05+00:00")


@pytest.mark.parametrize(
    ("owner", "team"), [("gateway", "edge"), ("auth", "identity"), ("frontend-shell", "edge"), ("guests", "platform")]
)
def test_alert_goes_to_the_owner_in_the_catalog_and_what_has_none_to_the_platform(owner: str, team: str) -> None:
    made = alert(project_name=owner, alert_reason="REGRESSED")
    assert made is not None
    assert (made["labels"]["alertname"], made["labels"]["team"]) == ("RegressedErrorIssue", team)


@pytest.mark.parametrize("reason", ["UNMUTED", "TEST"])
def test_what_is_nobodys_work_makes_no_alert(reason: str) -> None:
    assert alert(alert_reason=reason) is None


@pytest.mark.parametrize("missing", sorted(ISSUE))
def test_body_without_a_part_is_refused_by_name(missing: str) -> None:
    with pytest.raises(Unusable, match=missing):
        alert_of({key: value for key, value in ISSUE.items() if key != missing}, NOW, timedelta(minutes=1), RUNBOOKS)


def test_alert_waits_for_an_alertmanager_that_is_away_and_arrives_once() -> None:
    async def run() -> tuple[Alertmanager, Relay]:
        manager = Alertmanager(away=2)
        relay = Relay(SETTINGS, manager)
        task = asyncio.create_task(relay.run())
        relay.take(ISSUE)
        await asyncio.wait_for(manager.arrived.wait(), 10)
        task.cancel()
        return manager, relay

    manager, _ = asyncio.run(run())
    assert [one["labels"]["issue"] for one in manager.taken] == ["FRONTEND-PAYMENTS-7"]


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"alert_reason": "NEW"}', b" " * 70_000])
def test_webhook_says_what_it_does_not_understand(body: bytes) -> None:
    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(create(Relay(SETTINGS, Alertmanager())))
        async with httpx.AsyncClient(transport=transport, base_url="http://relay") as client:
            return await client.post("/bugsink", content=body)

    answer = asyncio.run(post())
    assert answer.status_code == 422
    assert "not what the error tracker sends" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("ALERTMANAGER_URL", ""), ("ALERTMANAGER_URL", "alertmanager:9093"), ("RUNBOOKS_URL", "runbooks")],
)
def test_relay_refuses_to_start_without_its_addresses(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name.lower()):
        settings_of(VARIABLES | {name: value})


def test_alerts_last_as_long_as_the_settings_say_within_reason() -> None:
    with pytest.raises(ValidationError, match="alert_minutes"):
        settings_of(VARIABLES | {"ALERT_MINUTES": "forever"})
