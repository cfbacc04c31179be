"""Named smaller stacks for external CI (docs/reference/profiles.md lists the cost of each)."""

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
    """Return the services that a profile leaves out; none for "" or `full`.

    Raises StackError for an unknown profile.
    """
    if profile in ("", "full"):
        return set()
    if profile not in PROFILES:
        raise StackError(f"There is no profile {profile}.", f"Choose from: {', '.join(PROFILES)}, full.")
    return set(services) - set(PROFILES[profile])
