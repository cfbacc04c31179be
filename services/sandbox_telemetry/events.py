"""The type of log events, `log.info(signals.ORDER_PLACED, extra={...})`, and the events that all services share.

Levels: ERROR: the service failed, and the line also becomes an error event. WARNING: the service recovered, but not
as intended (a retry, an open circuit, a refused attacker). INFO: the business or an operator counts it. DEBUG: off.
"""

import re

from sandbox_telemetry.names import claim

# Messages by event name.
EVENTS: dict[str, str] = {}
_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+").fullmatch


class Event(str):
    """The constant message of a log line, and the name to query it by: `Event("order.placed", "order placed")`.

    Raises ValueError, which names the event, if the name is not lower-case words with dots, if the message has a
    placeholder, or if an event of this name has another message.
    """

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str, message: str) -> "Event":
        if not _NAME(name):
            raise ValueError(f"event {name!r} must be lower-case words with dots, like order.placed")
        if set(message) & set("%{}"):
            raise ValueError(f"the message of event {name!r} must be constant: what varies is a field")
        claim(EVENTS, name, message, "event")
        event = super().__new__(cls, message)
        event.name = name
        return event


HTTP_ACCESS = Event("http.access", "request completed")
HTTP_ERROR = Event("http.error", "request failed with an unhandled exception")
SETTINGS_REFUSED = Event("settings.refused", "settings refused, service not started")
SERVICE_STARTED = Event("service.started", "service started")
SERVICE_CRASHED = Event("service.crashed", "service ended by an unhandled exception")
THREAD_CRASHED = Event("thread.crashed", "thread ended by an unhandled exception")
TASK_FAILED = Event("task.failed", "background task failed")
TELEMETRY_LOST = Event("telemetry.lost", "telemetry could not be delivered and was dropped")
