"""The public routes and the service behind each. A path that is not listed cannot be reached from outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["DEBUG", "ROUTES", "Access", "Route"]


class Access(Enum):
    """What a caller needs: nothing; a valid access token; a token whose session auth confirms for this request."""

    OPEN = auto()
    TOKEN = auto()
    LIVE_SESSION = auto()


@dataclass(frozen=True)
class Route:
    """`path` is public, `target` is the path at `service`; `query` lists the parameters that are forwarded."""

    method: str
    path: str
    service: str
    target: str
    access: Access
    summary: str
    query: tuple[str, ...] = ()


_PAYMENT = "/api/payments/{payment_id}"

ROUTES = (
    Route("POST", "/api/auth/register", "auth", "/register", Access.OPEN, "Make an account"),
    Route("POST", "/api/auth/login", "auth", "/login", Access.OPEN, "Log in"),
    Route("POST", "/api/auth/refresh", "auth", "/refresh", Access.OPEN, "Exchange a refresh token"),
    Route("POST", "/api/auth/logout", "auth", "/logout", Access.TOKEN, "End the session"),
    Route("GET", "/api/auth/me", "auth", "/me", Access.TOKEN, "The account that is logged in"),
    # Money moves: confirm the session before card data is forwarded.
    Route("POST", "/api/payments", "payments", "/payments", Access.LIVE_SESSION, "Pay"),
    Route(
        "POST", f"{_PAYMENT}/capture", "payments", "/payments/{payment_id}/capture", Access.LIVE_SESSION,
        "Take what was authorised",
    ),
    Route(
        "POST", f"{_PAYMENT}/refunds", "payments", "/payments/{payment_id}/refunds", Access.LIVE_SESSION,
        "Give money back",
    ),
    Route("GET", "/api/payments", "payments", "/payments", Access.TOKEN, "List payments", ("limit", "cursor")),
    Route("GET", _PAYMENT, "payments", "/payments/{payment_id}", Access.TOKEN, "One payment"),
)  # fmt: skip

# Raises an unhandled exception in a service, to practise finding it in the telemetry. Outside production only.
DEBUG = "/api/debug/{service}/error"
