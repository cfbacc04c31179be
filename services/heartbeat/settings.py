"""What can be set in the heartbeat's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Settings", "SettingsError"]


class SettingsError(ValueError):
    """A variable is missing or has a value that makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations are in seconds. `patience`: how long the heartbeat may stay away; `first_patience`: after a start."""

    smtp_host: str
    smtp_port: int
    recipients: tuple[str, ...]
    runbook_url: str
    patience: float
    first_patience: float
    reminder: float
    version: str
    environment: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Settings:
        """Read SMTP_ADDRESS, MAIL_TO, RUNBOOK_URL, *_SECONDS and who we are. Raises SettingsError."""
        host, _, port = variables.get("SMTP_ADDRESS", "").rpartition(":")
        if not host or not port.isdecimal():
            raise SettingsError("SMTP_ADDRESS must be HOST:PORT of a mail server, e.g. mailpit:1025")
        recipients = tuple(part.strip() for part in variables.get("MAIL_TO", "").split(",") if part.strip())
        if not recipients or not all("@" in one for one in recipients):
            raise SettingsError("MAIL_TO must hold one or more mail addresses, separated by commas")
        return cls(
            smtp_host=host,
            smtp_port=int(port),
            recipients=recipients,
            runbook_url=variables.get("RUNBOOK_URL", "runbooks/Watchdog.md"),
            patience=_seconds(variables, "PATIENCE_SECONDS", "20"),
            first_patience=_seconds(variables, "FIRST_PATIENCE_SECONDS", "120"),
            reminder=_seconds(variables, "REMINDER_SECONDS", "900"),
            version=variables.get("SERVICE_VERSION", "0.0.0"),
            environment=variables.get("DEPLOYMENT_ENVIRONMENT", "dev"),
        )


def _seconds(variables: Mapping[str, str], name: str, default: str) -> float:
    text = variables.get(name) or default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 86_400:
        raise SettingsError(f"{name} is {text!r}: it must be a number of seconds from 0.1 to 86400")
    return value
