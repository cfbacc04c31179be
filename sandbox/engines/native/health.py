"""Whether a process is ready.

Its health page is requested directly. The probes of the supervisor are whole seconds apart, and a second is a fifth of
a warm start.
"""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.engines.native.supervisor import ProcessState
from sandbox.model.compose import Service

__all__ = ["answers", "condition", "pages", "patience", "ready"]

ANSWER_SECONDS = 0.25
# For a service without a health check.
UNCHECKED_SECONDS = 30


def pages(project: Path) -> dict[str, dict[str, Any]]:
    """Return the health page of each process that has one, from the supervisor's configuration."""
    processes = json.loads(project.read_text(encoding="utf-8"))["processes"]
    probes = {name: process.get("readiness_probe", {}) for name, process in processes.items()}
    return {name: probe["http_get"] for name, probe in probes.items() if "http_get" in probe}


def answers(page: dict[str, Any]) -> bool:
    """Whether the page returns a 2xx now."""
    connection = http.client.HTTPConnection(page["host"], int(page["port"]), timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", page["path"])
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def ready(state: ProcessState, known: Mapping[str, dict[str, Any]]) -> bool:
    """Whether the process is ready according to the supervisor's last probe, or to its health page now.

    The probe may be a second old. `up` and `status` both use this, so that their results agree.
    """
    return state.ready or (state.status == "Running" and state.name in known and answers(known[state.name]))


def condition(state: ProcessState, is_ready: bool) -> str:
    """Return the health of a component, as `status` prints it."""
    if state.status == "Running":
        unready = "unhealthy" if state.health == "Not Ready" else "starting"
        return ("healthy" if is_ready else unready) if state.probed else "running"
    if state.status in ("Pending", "Launching", "Launched", "Restarting"):
        return "starting" if state.status != "Restarting" else "unhealthy"
    return "done" if is_ready else "down"


def patience(service: Service, services: Mapping[str, Service]) -> float:
    """Return the seconds until a working service is healthy: its own time plus that of its slowest dependency."""
    check = service.healthcheck
    own = check.start_period + check.interval * check.retries if check else UNCHECKED_SECONDS
    return own + max((patience(services[name], services) for name in service.depends_on if name in services), default=0)
