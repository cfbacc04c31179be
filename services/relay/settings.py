"""What can be set in the relay's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

__all__ = ["Settings", "SettingsError"]


class SettingsError(ValueError):
    """A variable is missing or has a value that makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`alert_lasts`: how long an alert fires. A new error is news, not a state: its state is on the issue's page."""

    alertmanager_url: str
    runbooks_url: str
    alert_lasts: timedelta
    version: str
    environment: str

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] = os.environ) -> Settings:
        """Read ALERTMANAGER_URL, RUNBOOKS_URL, ALERT_MINUTES (15) and who we are. Raises SettingsError."""
        url = _address(variables, "ALERTMANAGER_URL", "http://alertmanager:9093")
        runbooks = _address(variables, "RUNBOOKS_URL", "http://127.0.0.1:9090/user")
        minutes = variables.get("ALERT_MINUTES") or "15"
        if not minutes.isdecimal() or not 1 <= int(minutes) <= 1440:
            raise SettingsError(f"ALERT_MINUTES is {minutes!r}: it must be a number of minutes from 1 to 1440")
        return cls(
            alertmanager_url=url,
            runbooks_url=runbooks,
            alert_lasts=timedelta(minutes=int(minutes)),
            version=variables.get("SERVICE_VERSION", "0.0.0"),
            environment=variables.get("DEPLOYMENT_ENVIRONMENT", "dev"),
        )


def _address(variables: Mapping[str, str], name: str, example: str) -> str:
    url = variables.get(name, "")
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"{name} is {url!r}: set it to an address, e.g. {example}")
    return url.rstrip("/")
