"""Smaller stacks by name, for a CI of somebody else: which parts stay. What each costs: docs/reference/profiles.md."""

from collections.abc import Iterable

from sandbox.model.errors import StackError

__all__ = ["PROFILES", "left_out"]

_SIGNALS = ("volume-owner", "collector-files", "otel-collector", "otel-collector-health", "prometheus", "loki", "tempo")
_ALERTS = (*_SIGNALS, "alertmanager", "mailpit")
PROFILES = {
    "minimal": _SIGNALS,
    "alerts": _ALERTS,
    "stores": (*_ALERTS, "bugsink"),
}


def left_out(profile: str, services: Iterable[str]) -> set[str]:
    """The services that a profile does without; none for an empty name or `full`. StackError for an unknown one."""
    if profile in ("", "full"):
        return set()
    if profile not in PROFILES:
        raise StackError(f"There is no profile {profile}.", f"Choose from: {', '.join(PROFILES)}, full.")
    return set(services) - set(PROFILES[profile])
