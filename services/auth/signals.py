"""Metrics and events of auth, in addition to those that all services share."""

from __future__ import annotations

from prometheus_client import Counter

from kit.signals import DATABASE_UNAVAILABLE, MIGRATED, TOKEN_REJECTED
from sandbox_telemetry.events import Event
from sandbox_telemetry.metrics import REGISTRY

__all__ = ["DATABASE_UNAVAILABLE", "MIGRATED", "TOKEN_REJECTED"]

LOGINS = Counter("logins", "Log-ins by outcome.", ("outcome",), registry=REGISTRY)
LOCKOUTS = Counter("lockouts", "Accounts locked after repeated failures.", registry=REGISTRY)
TOKEN_REUSE = Counter("token_reuse", "Refresh tokens presented a second time.", registry=REGISTRY)

USER_REGISTERED = Event("user.registered", "user registered")
LOGIN_SUCCEEDED = Event("login.succeeded", "login succeeded")
LOGIN_FAILED = Event("login.failed", "login failed")
ACCOUNT_LOCKED = Event("account.locked", "account locked after repeated failures")
TOKEN_REFRESHED = Event("token.refreshed", "refresh token rotated")
TOKEN_REUSED = Event("token.reused", "refresh token presented twice, session ended")
LOGGED_OUT = Event("session.ended", "session ended")
