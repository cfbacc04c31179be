"""Reads and checks alertmanager/contacts.yml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.alerting.problems import Problem, line_with, read_yaml
from sandbox.model import ROOT

__all__ = ["CONTACTS", "Contacts", "Team", "read_contacts"]

CONTACTS = ROOT / "alertmanager" / "contacts.yml"
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+")
_CHANNEL = re.compile(r"#[a-z0-9-]+")
_DURATION = re.compile(r"[1-9]\d*[smh]")


@dataclass(frozen=True)
class Team:
    """A team's mailboxes (on-call, secondary and team) and its chat channel."""

    on_call: str
    secondary: str
    mailbox: str
    channel: str


@dataclass(frozen=True)
class Contacts:
    """All contacts. Durations are in Prometheus's format (`2m`), counted from the page."""

    teams: Mapping[str, Team]
    commander: str
    secondary_after: str
    commander_after: str


def read_contacts(path: Path = CONTACTS) -> Contacts:
    """Read the contacts. Raises Problem, with file, line and reason, for a missing name or an invalid address."""
    data = read_yaml(path)
    teams = {name: _team(path, name, row) for name, row in _value(path, data, "teams", "the file").items()}
    escalation = _value(path, data, "escalation", "the file")
    return Contacts(
        teams,
        _matching(path, data, "commander", "the file", _ADDRESS, "a mail address"),
        _matching(path, escalation, "secondary_after", "escalation", _DURATION, "a duration such as 2m"),
        _matching(path, escalation, "commander_after", "escalation", _DURATION, "a duration such as 2m"),
    )


def _team(path: Path, name: str, row: Any) -> Team:
    on_call, secondary, mailbox = (
        _matching(path, row, key, name, _ADDRESS, "a mail address") for key in ("on_call", "secondary", "mailbox")
    )
    channel = _matching(path, row, "channel", name, _CHANNEL, "a channel such as #inc-edge")
    return Team(on_call, secondary, mailbox, channel)


def _matching(path: Path, data: Any, key: str, owner: str, pattern: re.Pattern[str], what: str) -> str:
    value = str(_value(path, data, key, owner))
    if not pattern.fullmatch(value):
        raise Problem(path, line_with(path, value), f"{key} of {owner} is {value!r}, which is not {what}")
    return value


def _value(path: Path, data: Any, key: str, owner: str) -> Any:
    if not isinstance(data, dict) or not data.get(key):
        raise Problem(path, line_with(path, f"{owner}:"), f"{owner} lacks {key}")
    return data[key]
