"""Mailpit: every mail that the stack sent."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox_testing.stores.http import Store

__all__ = ["Mailpit", "Message"]

PAGE = 200


@dataclass(frozen=True)
class Message:
    """One mail. ``received_at`` is in seconds since the epoch; ``source`` is the raw mail, headers included."""

    id: str
    subject: str
    recipients: tuple[str, ...]
    received_at: float
    source: str


class Mailpit(Store):
    name = "mailpit"

    def messages(self, since: float = 0.0, *, search: str | None = None) -> list[Message]:
        """Return the mails since a time (seconds since the epoch), newest first; ``search`` is in Mailpit's syntax."""
        path = "/api/v1/search" if search else "/api/v1/messages"
        found: list[dict[str, Any]] = []
        while True:
            rows = self.get(path, query=search, start=len(found), limit=PAGE)["messages"]
            # Older ones are not opened: there may be thousands, and Mailpit may delete them in the meantime.
            fresh = [row for row in rows if _created(row) >= since]
            found += fresh
            if len(fresh) < PAGE:
                return [self._message(row) for row in found]

    def delete(self, *messages: Message) -> None:
        self.client.request("DELETE", "/api/v1/messages", json={"IDs": [m.id for m in messages]}).raise_for_status()

    def _message(self, row: dict[str, Any]) -> Message:
        raw = self.client.get(f"/api/v1/message/{row['ID']}/raw").raise_for_status().text
        recipients = tuple(person["Address"] for person in row["To"])
        return Message(row["ID"], row["Subject"], recipients, _created(row), raw)


def _created(row: dict[str, Any]) -> float:
    return datetime.fromisoformat(row["Created"]).timestamp()
