"""What the services share besides telemetry: problem details, probes, body limit, database, server."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kit.problems import Problem
    from kit.server import parse_bind, run_server
    from kit.service import create_app, serve
    from kit.web import configure

__all__ = ["Problem", "configure", "create_app", "parse_bind", "run_server", "serve"]

_HOMES = {
    "Problem": "kit.problems",
    "configure": "kit.web",
    "create_app": "kit.service",
    "parse_bind": "kit.server",
    "run_server": "kit.server",
    "serve": "kit.service",
}


def __getattr__(name: str) -> Any:
    # Imported lazily: a program that needs the server only does not load FastAPI, which takes 30 MB.
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(_HOMES[name]), name)
