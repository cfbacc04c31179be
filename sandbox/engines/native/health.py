"""Asks the health pages directly: the supervisor's own probes are whole seconds apart, a fifth of a warm start."""

import http.client
import json
from pathlib import Path
from typing import Any

__all__ = ["answers", "pages"]

PATIENCE_SECONDS = 0.25


def pages(project: Path) -> dict[str, dict[str, Any]]:
    """The health page of each process that has one, as the supervisor's configuration describes it."""
    processes = json.loads(project.read_text(encoding="utf-8"))["processes"]
    probes = {name: process.get("readiness_probe", {}) for name, process in processes.items()}
    return {name: probe["http_get"] for name, probe in probes.items() if "http_get" in probe}


def answers(page: dict[str, Any]) -> bool:
    """Whether the page answers with a 2xx now."""
    connection = http.client.HTTPConnection(page["host"], int(page["port"]), timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", page["path"])
        return 200 <= connection.getresponse().status < 300
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
