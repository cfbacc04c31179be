"""The dead man's switch mails once when the heartbeat stops, and once when it returns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from heartbeat import switch as switches
from heartbeat.mail import Mail
from heartbeat.settings import Settings
from heartbeat.signals import REGISTRY
from heartbeat.switch import Switch
from testing.process import running_service

PLACES = {"SMTP_ADDRESS": "127.0.0.1:9", "MAIL_TO": "a@sandbox.test, b@sandbox.test"}
FAST = {**PLACES, "PATIENCE_SECONDS": "0.2", "FIRST_PATIENCE_SECONDS": "0.2", "REMINDER_SECONDS": "60"}
BEAT = {"status": "firing", "labels": {"alertname": "Watchdog"}}


def settings_of(variables: dict[str, str]) -> Settings:
    return Settings(**{name.lower(): value for name, value in variables.items()})


class Postbox:
    """Replaces the delivery of mails; the first `refusals` are refused."""

    def __init__(self, refusals: int = 0) -> None:
        self.mails: list[Mail] = []
        self.refusals = refusals

    def __call__(self, mail: Mail) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionRefusedError
        self.mails.append(mail)

    @property
    def subjects(self) -> list[str]:
        return [mail.subject.split()[0] for mail in self.mails]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switches, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(switches, "RETRY_SECONDS", 0.01)


def _watch(postbox: Postbox, variables: dict[str, str], story: Callable) -> CollectorRegistry:
    async def run() -> None:
        switch = Switch(settings_of(variables), postbox)
        task = asyncio.create_task(switch.run())
        try:
            async with asyncio.timeout(20):
                await story(switch)
        finally:
            task.cancel()

    asyncio.run(run())
    return REGISTRY


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_heartbeat_that_stays_away_is_mailed_once_and_its_return_once() -> None:
    postbox = Postbox()

    async def story(switch: Switch) -> None:
        switch.beat()
        await _until(lambda: switch.silent)
        await asyncio.sleep(0.3)
        assert postbox.subjects == ["[PAGE]"]
        switch.beat()
        await _until(lambda: not switch.silent)
        assert postbox.subjects == ["[PAGE]", "[RESOLVED]"]

    _watch(postbox, FAST, story)
    assert "runbooks/Watchdog.md" in postbox.mails[0].text


def test_heartbeat_that_comes_in_time_is_mailed_never() -> None:
    postbox = Postbox()

    async def story(switch: Switch) -> None:
        for _ in range(10):
            switch.beat()
            await asyncio.sleep(0.05)

    registry = _watch(postbox, {**FAST, "PATIENCE_SECONDS": "5"}, story)
    assert postbox.mails == []
    assert registry.get_sample_value("heartbeat_silent") == 0
    assert registry.get_sample_value("heartbeat_last_seen_timestamp_seconds") > 1e9


def test_stack_that_is_starting_gets_more_time_and_one_that_never_beats_is_mailed() -> None:
    postbox = Postbox()

    async def story(switch: Switch) -> None:
        await asyncio.sleep(0.3)
        assert postbox.mails == []
        await _until(lambda: switch.silent)

    _watch(postbox, {**FAST, "FIRST_PATIENCE_SECONDS": "0.6"}, story)
    assert "since this watcher started" in postbox.mails[0].text


def test_mail_that_is_not_taken_is_tried_again() -> None:
    postbox = Postbox(refusals=3)

    async def story(switch: Switch) -> None:
        await _until(lambda: switch.silent)

    _watch(postbox, FAST, story)
    assert (postbox.refusals, postbox.subjects) == (0, ["[PAGE]"])


def test_silence_that_lasts_is_mailed_again() -> None:
    postbox = Postbox()

    async def story(_: Switch) -> None:
        await _until(lambda: len(postbox.mails) >= 2)

    _watch(postbox, {**FAST, "REMINDER_SECONDS": "0.2"}, story)
    assert set(postbox.subjects) == {"[PAGE]"}


def test_only_the_watchdog_is_a_heartbeat() -> None:
    with running_service("heartbeat", PLACES) as service, httpx.Client(base_url=service.url) as api:
        assert api.post("/watchdog", json={"alerts": [BEAT]}).status_code == 200
        assert service.sample("heartbeat_last_seen_timestamp_seconds") > 1e9
        resolved = {**BEAT, "status": "resolved"}
        other = {**BEAT, "labels": {"alertname": "TargetDown"}}
        for wrong in ({"alerts": []}, {"alerts": [resolved]}, {"alerts": [other]}, {}, [], {"alerts": [{}]}):
            answer = api.post("/watchdog", json=wrong)
            assert (answer.status_code, answer.json()["title"]) == (422, "Not a heartbeat")
        assert api.post("/watchdog", content=b"\xff").status_code == 422
        assert service.stop() == 0


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "SMTP_ADDRESS"),
        ({**PLACES, "SMTP_ADDRESS": "mailpit"}, "SMTP_ADDRESS"),
        ({**PLACES, "MAIL_TO": ""}, "MAIL_TO"),
        ({**PLACES, "MAIL_TO": "nobody"}, "MAIL_TO"),
        ({**PLACES, "PATIENCE_SECONDS": "soon"}, "PATIENCE_SECONDS"),
        ({**PLACES, "REMINDER_SECONDS": "0"}, "REMINDER_SECONDS"),
    ],
)
def test_setting_that_makes_no_sense_is_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(ValidationError, match=named.lower()):
        settings_of(variables)
