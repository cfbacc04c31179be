"""Observability for a FastAPI service in one call: `app = create_app("orders")`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox_telemetry import events, metrics
    from sandbox_telemetry.app import create_app
    from sandbox_telemetry.clients import instrument_http_client
    from sandbox_telemetry.databases import instrument_database
    from sandbox_telemetry.events import Event
    from sandbox_telemetry.logs import log_as_json
    from sandbox_telemetry.names import declare
    from sandbox_telemetry.settings import ServiceSettings
    from sandbox_telemetry.testing import capture
    from sandbox_telemetry.tracing import current_traceparent

__all__ = [
    "Event",
    "ServiceSettings",
    "capture",
    "create_app",
    "current_traceparent",
    "declare",
    "events",
    "instrument_database",
    "instrument_http_client",
    "log_as_json",
    "metrics",
]

# Imported lazily: a program that only logs needs no SDK, and a service needs no test helpers.
_HOMES = {
    **{"Event": "events", "ServiceSettings": "settings", "capture": "testing", "create_app": "app"},
    **{"current_traceparent": "tracing", "declare": "names", "instrument_database": "databases"},
    **{"instrument_http_client": "clients", "log_as_json": "logs"},
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(name)
    module = import_module(f"{__name__}.{_HOMES.get(name, name)}")
    return getattr(module, name, module)
