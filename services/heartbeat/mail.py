"""The mails of the dead man's switch, and their delivery."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from heartbeat.settings import Settings

__all__ = ["Mail", "deliver"]

SENDER = "Heartbeat <heartbeat@sandbox.test>"
SMTP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Mail:
    """A short text that can be understood without any other page."""

    subject: str
    text: str

    @classmethod
    def silent(cls, last_seen: float, runbook_url: str) -> Mail:
        """Return the mail about silence. `last_seen` is in seconds since the epoch; 0: no heartbeat since the start."""
        since = f"since {_clock(last_seen)}" if last_seen else "since this watcher started"
        return cls(
            "[PAGE] Alerting is silent: no alert can reach you",
            f"Prometheus and Alertmanager have given no sign of life {since}.\n"
            "One of them is down or cannot reach the other, so no alerts are sent.\n\n"
            "First look:  make status\n"
            f"Runbook:     {runbook_url}\n\n"
            "This mail comes from the heartbeat, which needs neither of them. It says so when they are back.\n",
        )

    @classmethod
    def back(cls, seconds: float) -> Mail:
        """Return the mail about recovery. `seconds`: time since the mail about silence."""
        return cls(
            "[RESOLVED] Alerting is back",
            f"Alerts reach people again. For about {seconds:.0f} s after the warning they did not:\n"
            "look at the dashboards for what happened meanwhile.\n",
        )


def deliver(settings: Settings, mail: Mail) -> None:
    """Send the mail to the SMTP server. Raises OSError (smtplib's errors are subclasses) if it is not accepted."""
    message = EmailMessage()
    message["Subject"] = mail.subject
    message["From"] = SENDER
    message["To"] = ", ".join(settings.recipients)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="sandbox.test")
    message.set_content(mail.text)
    with smtplib.SMTP(*settings.smtp, timeout=SMTP_SECONDS) as server:
        server.send_message(message)


def _clock(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S UTC")
