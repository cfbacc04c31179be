"""What a web service needs that is not telemetry: problem details, settings, probes, body limit, a server."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit.problems import Problem
    from kit.server import parse_bind, run_server
    from kit.settings import ServiceSettings
    from kit.web import configure

__all__ = ["Problem", "ServiceSettings", "configure", "parse_bind", "run_server"]

_HOMES = {
    "Problem": "kit.problems",
    "ServiceSettings": "kit.settings",
    "configure": "kit.web",
    "parse_bind": "kit.server",
    "run_server": "kit.server",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: who wants only the server does without FastAPI, which is 30 MB.
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(_HOMES[name]), name)
