"""Measures the time from a fault to the page in the inbox, false pages of a healthy stack, and the cost of alerting."""

import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from loadtest.locust_run import send_people
from sandbox.alerting.routes import PAGE_WAIT
from sandbox.figures.measure import SETTLE_SECONDS, stack
from sandbox.incidents.faults import BEHIND_TOXIPROXY
from sandbox.model.stack import Stack
from sandbox_testing import Mailpit, Prometheus

__all__ = ["FAULTS", "REPEATED", "alerting", "healthy", "healthy_section", "section"]

# The drills of tests/e2e/test_alerts.py (tests/support/paging.py), by their fault.
FAULTS = ("acquirer-down", "database-stopped", "service-killed", "slow-wire", "error-burst", "store-down")
REPEATED = ("acquirer-down", "store-down")
REST_SECONDS = 180
USERS = 20
# A drill takes one to three minutes; the limit protects the others from one that hangs.
DRILL_SECONDS = 600
Timed = dict[str, Any]
# Times of a drill; the interval between two of them is a column of its table. It begins at 0.
STEPS = ("began", "sampled", "active", "fired", "sent", "inbox")


def alerting(root: Path, runs: int) -> Iterator[dict[str, object]]:
    """Measure the cost of alerting at rest, then every drill once and two of them `runs` times, in seconds per stage.

    Yields all results so far after each step. A drill that fails is a row with its failure, not an error. The stack is
    restarted for each without data, and left running. Raises StackError if it does not start.
    """
    _fresh(root)
    time.sleep(SETTLE_SECONDS + REST_SECONDS)
    rows: list[Timed] = []
    found: dict[str, object] = {"rest": _cost(Stack(root), REST_SECONDS), "rows": rows, "repeated": list(REPEATED)}
    yield found
    for name in [one for one in FAULTS if one not in REPEATED] + list(REPEATED) * runs:
        _fresh(root)
        time.sleep(SETTLE_SECONDS)
        rows.append({"fault": name, **_drill(root, name)})
        yield found


def _fresh(root: Path) -> None:
    """Start the stack with toxiproxy and without data.

    The budget that an earlier drill consumed would speed up the next page.
    """
    stack(root, "clean")
    stack(root, "up", **BEHIND_TOXIPROXY)


def _drill(root: Path, name: str) -> Timed:
    """Return the seconds of each measured stage, and the names of the failed tests."""
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
    begin = f"drill: {name}: "
    parts = {key.removeprefix(begin): one["median"] for key, one in figures.items() if key.startswith(begin)}
    return {**parts, "failed": _failures(outcome)}


def _failures(outcome: Path) -> list[str]:
    """Return `test: first line of the reason` of each failure, each reason once.

    If there is no report, returns one line that states it.
    """
    if not outcome.exists():
        return ["pytest wrote no report"]
    tests: dict[str, str] = {}
    for case in ElementTree.parse(outcome).iter("testcase"):
        for problem in case:
            if problem.tag in ("failure", "error"):
                tests.setdefault(problem.get("message", "").partition("\n")[0], case.get("name", ""))
    return [f"{test}: {reason}" for reason, test in tests.items()]


def _cost(stack: Any, seconds: int) -> dict[str, float]:
    """Return averages over the last seconds.

    Durations are wall-clock times (rules per second, a round of scrapes); processes are in cores.
    """
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
    """Count the pages in a run under normal load without a fault, next to the synthetic customer.

    The stack starts without data and is left running. Raises StackError if the load could not be sent, because the
    absence of pages would then mean nothing.
    """
    _fresh(root)
    time.sleep(SETTLE_SECONDS)
    with closing(Mailpit(Stack(root).url("mailpit"))) as mailbox:
        began = time.time()
        load = send_people(Stack(root).url("gateway"), USERS, f"{seconds:.0f}s", processes=1)
        pages = [one.subject for one in mailbox.messages(began, search="subject:PAGE")]
    sent = {"users": USERS, "requests": load.requests, "failures": load.failures}
    return {"seconds": seconds, **sent, "pages": pages}


def section(figure: Mapping[str, Any]) -> str:
    """Return the section of docs/figures.md about the time to a page."""
    paged = [row for row in figure["rows"] if "inbox" in row]
    inbox = [row["inbox"] for row in paged if row["fault"] in figure["repeated"]]
    rows = ""
    for fault in dict.fromkeys(row["fault"] for row in paged):
        of = [row for row in paged if row["fault"] == fault]
        parts = " | ".join(
            f"{max(0.0, median(row[end] - row.get(start, 0.0) for row in of)):.1f}" for start, end in pairwise(STEPS)
        )
        whole = [row["inbox"] for row in of]
        rows += f"| {fault} | {len(of)} | {parts} | {median(whole):.1f} | {max(whole):.1f} |\n"
    aims = (
        f"median **{median(inbox):.1f}** (target: 20 or less), worst {max(inbox):.1f} (target: 40), over "
        f"{len(inbox)} runs of {' and '.join(figure['repeated'])}"
        if inbox
        else "not measured"
    )
    verdict = "".join(f"- {row['fault']}: {reason}\n" for row in figure["rows"] for reason in row["failed"])
    return (
        f"## Time from a fault to a page\n\nSeconds until the mail is in the inbox: {aims}.\n\n"
        "The table gives medians of the phases:\n\n"
        "- Detect: until the first bad sample is stored (a scrape every 5 s).\n"
        "- Evaluate: until the rule has seen more bad samples than the objective allows (an evaluation every 5 s).\n"
        "- Hold: the rule's `for`.\n"
        f"- Group: {PAGE_WAIT.removesuffix('s')} s of grouping, in which the cause can still inhibit its "
        "consequences.\n"
        "- Send: the mail.\n\n"
        "| fault | runs | detect | evaluate | hold | group | send | total | worst |\n"
        f"|---|---|---|---|---|---|---|---|---|\n{rows}\n"
        + (
            f"What failed:\n\n{verdict}"
            if verdict
            else "In every drill exactly one mail was sent to one mailbox, and no alert fired that must not fire.\n"
        )
        + f"\n{_at_rest(figure['rest'])}"
    )


def healthy_section(run: Mapping[str, Any]) -> str:
    """Return the section of docs/figures.md about a healthy stack."""
    listed = f" ({', '.join(run['pages'])})" if run["pages"] else ""
    return (
        "## False pages in a healthy stack\n\n"
        f"Pages in {run['seconds'] / 60:.0f} minutes of normal load without a fault: **{len(run['pages'])}**{listed} "
        f"(target: none). {run['users']} customers, in addition to the synthetic one, sent {run['requests']:,} "
        f"requests, of which {run['failures']} failed."
    )


def _at_rest(cost: Mapping[str, float]) -> str:
    """Durations are wall-clock times, waiting included; only the processes' own counters measure CPU time."""
    return (
        f"When idle, over {cost['seconds']:.0f} s with only the synthetic customer, Prometheus uses "
        f"{cost['cores'] * 100:.1f} % of a core and Alertmanager {cost['alertmanager_cores'] * 100:.1f} %. "
        f"In wall-clock time, rule evaluation takes {cost['rule_seconds'] * 1000:.0f} ms of each second. One round "
        f"of scrapes ({cost['targets']:.0f} targets every 5 s, in parallel; {cost['samples']:.0f} samples a second) "
        f"takes {cost['scrape_seconds'] * 1000:.0f} ms, added up over the targets."
    )
