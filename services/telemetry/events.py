"""The events that services log: `log.info(events.PAYMENT_AUTHORISED, extra={...})`.

Levels. ERROR: we failed, somebody should look; it also becomes an error event. WARNING: we coped, but not as intended
(a retry, an open circuit, a refused attacker). INFO: something that the business or an operator counts. DEBUG: off.
"""


class Event(str):
    """The message of a log line, and the name that queries use (`payment.authorised`)."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str, message: str) -> "Event":
        event = super().__new__(cls, message)
        event.name = name
        return event


HTTP_ACCESS = Event("http.access", "request completed")
HTTP_ERROR = Event("http.error", "request failed with an unhandled exception")
HTTP_REFUSED = Event("http.refused", "request refused before it could be read")
SERVICE_STARTING = Event("service.starting", "service starting")
SETTINGS_REFUSED = Event("settings.refused", "settings refused, service not started")
SERVICE_STARTED = Event("service.started", "service started")
SERVICE_STOPPED = Event("service.stopped", "service stopped")
SERVICE_CRASHED = Event("service.crashed", "service ended by an unhandled exception")
THREAD_CRASHED = Event("thread.crashed", "thread ended by an unhandled exception")
TASK_FAILED = Event("task.failed", "background task failed")
DOCTOR_PROBED = Event("doctor.probed", "probe of make doctor")
TELEMETRY_LOST = Event("telemetry.lost", "telemetry could not be delivered and was dropped")

MIGRATED = Event("database.migrated", "database migrated")
DATABASE_UNAVAILABLE = Event("database.unavailable", "database unavailable")

USER_REGISTERED = Event("user.registered", "user registered")
LOGIN_SUCCEEDED = Event("login.succeeded", "login succeeded")
LOGIN_FAILED = Event("login.failed", "login failed")
ACCOUNT_LOCKED = Event("account.locked", "account locked after repeated failures")
TOKEN_REFRESHED = Event("token.refreshed", "refresh token rotated")
TOKEN_REUSED = Event("token.reused", "refresh token presented twice, session ended")
TOKEN_REJECTED = Event("token.rejected", "bearer token rejected")
LOGGED_OUT = Event("session.ended", "session ended")

PAYMENT_AUTHORISED = Event("payment.authorised", "payment authorised")
PAYMENT_DECLINED = Event("payment.declined", "payment declined")
PAYMENT_CAPTURED = Event("payment.captured", "payment captured")
PAYMENT_REFUNDED = Event("payment.refunded", "payment refunded")
PAYMENT_REPLAYED = Event("payment.replayed", "payment answered from its idempotency key")
PAYMENT_CONFLICT = Event("payment.conflict", "idempotency key reused for another request")
PAYMENT_FAILED = Event("payment.failed", "payment failed, nothing was charged")
PAYMENT_UNKNOWN = Event("payment.unknown", "outcome of the payment unknown, acquirer did not answer")

PEER_UNAVAILABLE = Event("peer.unavailable", "peer unavailable")
PEER_RETRY = Event("peer.retry", "call to peer failed, trying again")
CIRCUIT_OPENED = Event("circuit.opened", "circuit opened")
CIRCUIT_CLOSED = Event("circuit.closed", "circuit closed")
RATE_LIMITED = Event("client.rate_limited", "client sent too many requests")

EVENTS: dict[str, Event] = {event.name: event for event in list(globals().values()) if isinstance(event, Event)}
