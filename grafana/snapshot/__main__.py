"""`python -m grafana.snapshot [UID ...]`: pictures of the dashboards from the stack that runs."""

import argparse
import sys
import time
from pathlib import Path

import httpx

from grafana.queries import dashboards
from grafana.snapshot.picture import render
from tests.support.stack import Stack

__all__ = ["main"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw dashboards from live data, as PNG files.")
    parser.add_argument("uids", nargs="*", metavar="UID", help="dashboards to draw (default: all)")
    parser.add_argument("--minutes", type=float, default=15.0, help="how far back to look")
    parser.add_argument("--to", type=Path, help="folder for the pictures (default: snapshot in the reports)")
    parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a variable's value")
    asked = parser.parse_args()
    variables = dict(one.split("=", 1) for one in asked.var)
    stack, end = Stack(), time.time()
    folder = asked.to or stack.reports / "snapshot"
    try:
        httpx.get(f"{stack.url('prometheus')}/-/ready", timeout=5.0, trust_env=False).raise_for_status()
    except httpx.HTTPError as refused:
        print(f"Prometheus does not answer ({refused}). Start the stack: make up", file=sys.stderr)
        return 1
    known = dashboards()
    if unknown := [uid for uid in asked.uids if uid not in known]:
        print(f"There is no dashboard {unknown[0]}. Choose from: {', '.join(known)}.", file=sys.stderr)
        return 2
    for uid in asked.uids or known:
        print(render(uid, end - asked.minutes * 60, end, folder / f"{uid}.png", variables=variables, stack=stack))
    return 0


if __name__ == "__main__":
    sys.exit(main())
