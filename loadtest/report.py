"""`make load`: load users at the gateway, response times, and what the telemetry recorded of them."""

from rich.console import Console
from rich.table import Table

from loadtest.locust_run import Measured, open_page
from loadtest.telemetry_check import Check, Seen, observed_load
from sandbox.model.stack import Stack

__all__ = ["send"]

SHARES = {"median": 0.5, "95 %": 0.95, "99 %": 0.99, "slowest": 1.0}


def send(users: int, duration: str, processes: int, page: bool) -> int:
    """Send customers and a few attackers. Returns 1 if a request failed or telemetry missed one. Raises StackError."""
    stack = Stack()
    if page:
        return open_page(stack.url("gateway"), users, processes)
    measured, seen = observed_load(stack, users, duration, processes)
    _print(measured, seen)
    return int(not (measured.failures == 0 and all(check.agrees for check in seen.checks)))


def _print(measured: Measured, seen: Seen) -> None:
    console = Console(highlight=False, width=120)
    table = Table("request", "sent", "failed", *SHARES, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in [*sorted(measured.rows, key=lambda row: row["name"])]:
        one = Measured.of([row])
        table.add_row(f"{row['method']} {row['name']}", *_figures(one))
    table.add_row("all", *_figures(measured))
    console.print(table)
    rate = measured.requests / measured.seconds
    console.print(f"\n{rate:.1f} requests a second for {measured.seconds:.0f} s; times are in milliseconds.")
    console.print("\nWhat the telemetry saw:")
    for check in seen.checks:
        console.print(f"  {check.what}: {check.seen} of {check.wanted} ({_verdict(check)})")
    if seen.others:
        console.print(f"  {seen.others} requests of others came meanwhile: totals hold theirs as well.")
    if measured.failures:
        console.print("\nWhat failed:")
    for reason in sorted(measured.reasons, key=lambda one: -one.times):
        console.print(f"  {reason.times} x {reason.request}: {reason.why}")
    if any(one.why.startswith("429 ") for one in measured.reasons):
        console.print(
            "\n429 is the rate limit: start the stack with a higher RATE_LIMIT_ADDRESS and RATE_LIMIT_CUSTOMER, such "
            "as 100000/minute."
        )


def _verdict(check: Check) -> str:
    if check.agrees:
        return "all"
    return (
        f"MISSING {check.wanted - check.seen}" if check.seen < check.wanted else f"{check.seen - check.wanted} TOO MANY"
    )


def _figures(measured: Measured) -> list[str]:
    return [
        str(measured.requests),
        str(measured.failures),
        *(str(measured.percentile(share)) for share in SHARES.values()),
    ]
