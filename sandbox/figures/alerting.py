"""How long a fault takes to a page in the inbox, whether a healthy stack pages anybody, and what watching costs."""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sandbox.incidents.kinds import BEHIND_TOXIPROXY

__all__ = ["REPEATED", "alerting", "healthy"]

REPEATED = ("acquirer-down", "store-down")
REST_SECONDS = 180
USERS = 20
# A drill takes one to three minutes; one that hangs must not take the others with it.
DRILL_SECONDS = 600
Timed = dict[str, Any]


def alerting(root: Path, runs: int) -> Iterator[dict[str, object]]:
    """What watching costs at rest; then every drill once and two of them `runs` times, seconds of each part.

    After each step everything known so far. A drill that fails is a row with what failed, not an error.
    The stack is started anew for each, its data deleted, and left up. StackError when it does not start.
    """
    from sandbox.figures.measure import SETTLE_SECONDS
    from sandbox.incidents.paging import DRILLS
    from sandbox.model.stack import Stack

    _fresh(root)
    time.sleep(SETTLE_SECONDS + REST_SECONDS)
    rows: list[Timed] = []
    found: dict[str, object] = {"rest": _cost(Stack(root), REST_SECONDS), "rows": rows, "repeated": list(REPEATED)}
    yield found
    for name in [one for one in DRILLS if one not in REPEATED] + list(REPEATED) * runs:
        _fresh(root)
        time.sleep(SETTLE_SECONDS)
        rows.append({"fault": name, **_drill(root, name)})
        yield found


def _fresh(root: Path) -> None:
    """The stack, with toxiproxy and without a past: what an earlier drill burnt would bring the next page forward."""
    from sandbox.figures.measure import stack

    stack(root, "clean")
    stack(root, "up", **BEHIND_TOXIPROXY)


def _drill(root: Path, name: str) -> Timed:
    """Seconds of each part that was measured, and the names of the tests that failed."""
    from sandbox.incidents.paging import PARTS

    reports = root / ".run" / "reports"
    measured, outcome = reports / "figures.json", reports / "drill.xml"
    for path in (measured, outcome):
        path.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "tests/e2e/test_alerts.py", f"--junitxml={outcome}"]
    environment = {**os.environ, **BEHIND_TOXIPROXY, "DRILLS": name}
    try:
        subprocess.run(
            command, cwd=root, env=environment, check=False, stdout=subprocess.DEVNULL, timeout=DRILL_SECONDS
        )
    except subprocess.TimeoutExpired:
        return {"failed": [f"did not end within {DRILL_SECONDS} s"]}
    figures = json.loads(measured.read_text()) if measured.exists() else {}
    parts = {part: figures[key]["median"] for part in PARTS if (key := f"drill: {name}: {part}") in figures}
    return {**parts, "failed": _failures(outcome)}


def _failures(outcome: Path) -> list[str]:
    """`test: first line of the reason` of what did not pass, each reason once; without a report, that there is none."""
    if not outcome.exists():
        return ["pytest wrote no report"]
    tests: dict[str, str] = {}
    for case in ElementTree.parse(outcome).iter("testcase"):
        for problem in case:
            if problem.tag in ("failure", "error"):
                tests.setdefault(problem.get("message", "").partition("\n")[0], case.get("name", ""))
    return [f"{test}: {reason}" for reason, test in tests.items()]


def _cost(stack: Any, seconds: int) -> dict[str, float]:
    """Over the last seconds: durations by the clock (rules each second, a round of scrapes), and processes in cores."""
    from sandbox_testing import Prometheus

    with closing(Prometheus(stack.url("prometheus"))) as prometheus:
        window = f"[{seconds}s]"
        queries = {
            "rule_seconds": f"sum(rate(prometheus_rule_group_duration_seconds_sum{window}))",
            "scrape_seconds": f"sum(avg_over_time(scrape_duration_seconds{window}))",
            "targets": "count(up == 1)",
            "samples": f"sum(rate(prometheus_tsdb_head_samples_appended_total{window}))",
            "cores": f'rate(process_cpu_seconds_total{{service="prometheus"}}{window})',
            "alertmanager_cores": f'rate(process_cpu_seconds_total{{service="alertmanager"}}{window})',
        }
        return {"seconds": seconds} | {name: round(prometheus.value(query), 4) for name, query in queries.items()}


def healthy(root: Path, seconds: float) -> dict[str, object]:
    """Pages in a run under normal load, beside the synthetic customer, and without a fault; on a stack without a past,
    which is left up.

    StackError when the load could not be sent: no page would then mean nothing.
    """
    from loadtest.people import send_people
    from sandbox.figures.measure import SETTLE_SECONDS
    from sandbox.model.stack import Stack
    from sandbox_testing import Mailpit

    _fresh(root)
    time.sleep(SETTLE_SECONDS)
    with closing(Mailpit(Stack(root).url("mailpit"))) as mailbox:
        began = time.time()
        load = send_people(Stack(root).url("gateway"), USERS, f"{seconds:.0f}s", processes=1)
        pages = [one.subject for one in mailbox.messages(began, search="subject:PAGE")]
    sent = {"users": USERS, "requests": load.requests, "failures": load.failures}
    return {"seconds": seconds, **sent, "pages": pages}
