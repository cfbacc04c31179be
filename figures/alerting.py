"""How long a fault takes to a page in the inbox, whether a healthy stack pages anybody, and what watching costs."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

__all__ = ["alerting"]

REPEATED = ("acquirer-down", "store-down")
PARTS = ("seen", "fired", "inbox", "resolved")
BEHIND_TOXIPROXY = {"COMPOSE_PROFILES": "gameday", "ACQUIRER_URL": "http://toxiproxy:8103"}


def alerting(root: Path, runs: int, healthy_seconds: float) -> dict[str, object]:
    """Every drill once and two of them `runs` times, seconds of each part; then a while without any fault.

    The stack is restarted with toxiproxy, and left up with it.
    """
    from faults import FAULTS
    from figures.measure import stack
    from tests.support.stack import Stack

    stack(root, "down")
    stack(root, "up", **BEHIND_TOXIPROXY)
    drills = [name for name in FAULTS if name not in REPEATED] + list(REPEATED) * runs
    rows = [{"fault": name, **_drill(root, name)} for name in drills]
    return {"rows": rows, **_healthy(Stack(root), healthy_seconds)}


def _drill(root: Path, name: str) -> dict[str, float]:
    from figures.measure import figures_of_tests

    found = figures_of_tests(root, ["tests/e2e/test_alerts.py"], DRILLS=name, **BEHIND_TOXIPROXY)
    return {part: found[f"drill: {name}: {part}"]["median"] for part in PARTS}


def _healthy(stack: Any, seconds: float) -> dict[str, object]:
    """Pages in a healthy run under normal load, and the share of a core that rules and scrapes take meanwhile."""
    began = time.time()
    load = [sys.executable, "-m", "loadtest", "--users", "20", "--duration", f"{seconds:.0f}s"]
    subprocess.run(load, cwd=stack.root, env={**os.environ}, check=True, stdout=subprocess.DEVNULL)
    window = f"[{max(60, int(seconds))}s]"
    mails = httpx.get(
        f"{stack.url('mailpit')}/api/v1/search", params={"query": "subject:PAGE", "limit": 200}, timeout=10.0
    )
    pages = [one for one in mails.json()["messages"] if _moment(one["Created"]) >= began]
    return {
        "healthy_seconds": seconds,
        "pages": len(pages),
        "rules_cores": _value(stack, f"sum(rate(prometheus_rule_group_duration_seconds_sum{window}))"),
        "scrape_seconds": _value(stack, f"sum(avg_over_time(scrape_duration_seconds{window}))"),
    }


def _value(stack: Any, query: str) -> float:
    answer = httpx.get(f"{stack.url('prometheus')}/api/v1/query", params={"query": query}, timeout=10.0)
    [row] = answer.json()["data"]["result"]
    return round(float(row["value"][1]), 4)


def _moment(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()
