"""Runs every check of the gate against the running stack."""

import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import httpx

from sandbox.checks.gate.pages import PICTURES, write_pages
from sandbox.checks.gate.report import lines, write_json
from sandbox.checks.gate.results import Result, read_results
from sandbox.checks.gate.rows import Row, read_rows
from sandbox.checks.gate.verdicts import Outcome, judge
from sandbox.dashboards.queries import dashboards
from sandbox.dashboards.snapshot import render
from sandbox.model import ROOT

__all__ = ["judge_all"]

REPORTS = ROOT / ".run" / "reports"
STACK_IS_DOWN = 9
# Approximate duration of all checks, natively on two cores (measured: 9 and 11).
MINUTES = 10
# Time range of the pictures: the duration of the checks and a little before.
SHOWN_SECONDS = 900.0


def judge_all() -> int:
    """Run the checks, write the reports and the pages. Return 0 if each row passes, otherwise 1."""
    rows = read_rows()
    verdicts = [judge(row, results) for results in [_run(rows)] for row in rows]
    print("\n".join(lines(verdicts)))
    write_json(verdicts, REPORTS / "gate.json")
    pages = write_pages(verdicts, _pictures(), REPORTS / "gate", datetime.now().astimezone())
    print("To read and to pass on: " + ", ".join(str(page.relative_to(ROOT)) for page in pages))
    return 0 if all(verdict.outcome is Outcome.PASS for verdict in verdicts) else 1


def _run(rows: list[Row]) -> list[Result]:
    """Run each check once, even if several rows name it."""
    # Alerts before the browser: the faults of the browser's tests page, and alerts are remembered for a while.
    checks = sorted(
        {check for row in rows for check in row.checks}, key=lambda check: ("tests/browser" in check, check)
    )
    report, output = REPORTS / "gate.xml", REPORTS / "gate.out"
    REPORTS.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    print(
        f"Running {len(checks)} checks of {len(rows)} rows against the stack; some break it and wait for the mail, so "
        f"this takes about {MINUTES} minutes. To watch: tail -f {output.relative_to(ROOT)}",
        flush=True,
    )
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=no", f"--junitxml={report}", *checks]
    with output.open("w", encoding="utf-8") as file:
        done = subprocess.run(command, cwd=ROOT, check=False, stdout=file, stderr=subprocess.STDOUT)
    if done.returncode == STACK_IS_DOWN or not report.exists():
        sys.exit(output.read_text(encoding="utf-8").strip().splitlines()[-1])
    return read_results(report)


def _pictures() -> dict[str, Path]:
    """Draw the dashboards and return the pictures by uid.

    A picture that cannot be drawn is left out: it does not change the result of the checks.
    """
    drawn, end = {}, time.time()
    for uid in {uid for uids in PICTURES.values() for uid in uids} & dashboards().keys():
        try:
            drawn[uid] = render(uid, end - SHOWN_SECONDS, end, REPORTS / "gate" / f"{uid}.png")
        except (httpx.HTTPError, OSError) as problem:
            print(f"No picture of {uid}: {problem}")
    return drawn
