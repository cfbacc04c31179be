"""The heartbeat's settings, read from the environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from sandbox_telemetry.settings import ServiceSettings

__all__ = ["Settings"]

Seconds = Annotated[float, Field(ge=0.1, le=86_400)]


def _recipients(text: str) -> str:
    if not all("@" in one for one in text.split(",")):
        raise ValueError("must hold one or more mail addresses, separated by commas")
    return text


class Settings(ServiceSettings):
    """PATIENCE_SECONDS: longest silence before a mail; FIRST_PATIENCE_SECONDS: the same after a start."""

    smtp_address: str = Field(pattern=r"^.+:\d+$", description="HOST:PORT of a mail server, such as mailpit:1025")
    mail_to: Annotated[str, AfterValidator(_recipients)]
    runbook_url: str = "runbooks/Watchdog.md"
    patience_seconds: Seconds = 20.0
    first_patience_seconds: Seconds = 120.0
    reminder_seconds: Seconds = 900.0

    @property
    def smtp(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.smtp_address.rpartition(":")
        return host, int(port)

    @property
    def recipients(self) -> list[str]:
        """The addresses of MAIL_TO."""
        return [one.strip() for one in self.mail_to.split(",")]
