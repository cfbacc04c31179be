"""Makes one payment, waits until its telemetry is in every store, and prints it with the URLs that show it."""

import json
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.text import Text

from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer, Exchange
from sandbox_testing import observe
from sandbox_testing.polling import NotSeen, eventually
from sandbox_testing.spans import Node, tree_of
from sandbox_testing.stores import Bugsink, Loki, Mailpit, Prometheus, Tempo

__all__ = ["show"]

ROUTE = 'http_route="/api/payments",http_request_method="POST",http_response_status_code="201"'
PAID = 'sum(payments_total{outcome="authorised"})'
SHOWN_FIELDS = ("level", "event", "http_request_method", "http_route", "http_response_status_code", "duration_seconds")
console = Console(highlight=False, soft_wrap=True)


def show() -> None:
    """Run the tour. Exits with status 1 if the payment does not appear in a store in time."""
    stack = Stack()
    prometheus, loki, tempo = (
        Prometheus(stack.url("prometheus")),
        Loki(stack.url("loki")),
        Tempo(stack.url("tempo")),
    )
    try:
        before = prometheus.value(PAID)
        with Customer(stack.url("gateway")) as person:
            payment = person.arrive().pay()
            error = person.send("POST", "/api/debug/payments/error")
        seen = observe.telemetry_of(tempo, loki, payment.trace_id)
        _answer(payment)
        _trace(stack, payment.trace_id, tree_of(seen.spans))
        _lines(stack, payment.trace_id, seen)
        _metrics(stack, prometheus, payment, before)
        _error(stack, error)
    except httpx.HTTPError as refused:
        sys.exit(f"The stack does not answer ({refused}). `make up` starts it; `make doctor` finds what is broken.")
    except NotSeen as late:
        sys.exit(f"{late}\nNext: `make doctor` names the first broken hop.")


def _title(number: int, title: str, address: str) -> None:
    console.print(Text(f"\n{number}. {title}", style="bold cyan"))
    console.print(Text(f"   {address}", style="dim"))


def _answer(payment: Exchange) -> None:
    _title(1, "The answer", str(payment.response.url))
    console.print(f"   HTTP {payment.status}, X-Trace-Id: {payment.trace_id}")


def _trace(stack: Stack, trace_id: str, nodes: list[Node]) -> None:
    _title(2, "Its trace, in Tempo", f"{stack.url('tempo')}/api/traces/{trace_id}")
    console.print(Text(f"   as a picture: {_explore(stack, 'tempo', {'query': trace_id, 'queryType': 'traceql'})}"))
    for line in _indented(nodes):
        console.print(Text(f"   {line}"))


def _indented(nodes: list[Node] | tuple[Node, ...], depth: int = 0) -> Iterator[str]:
    for node in nodes:
        yield f"{'   ' * depth}{'└─ ' if depth else ''}{node.what}"
        yield from _indented(node.below, depth + 1)


def _lines(stack: Stack, trace_id: str, seen: observe.Telemetry) -> None:
    query = f'{{service_name=~".+"}} | trace_id="{trace_id}"'
    _title(3, "Its log lines, in Loki", f"{stack.url('loki')}/loki/api/v1/query_range?query={quote(query)}")
    for line in sorted(seen.lines, key=lambda line: line.timestamp):
        fields = line.fields
        shown = {name: fields[name] for name in SHOWN_FIELDS if name in fields}
        console.print(Text(f"   {line.service:9} {fields['message']}  {json.dumps(shown)}"))


def _metrics(stack: Stack, prometheus: Prometheus, payment: Exchange, before: float) -> None:
    query = f"http_server_request_duration_seconds_bucket{{{ROUTE}}}"
    _title(4, "Its metrics, in Prometheus", f"{stack.url('prometheus')}/graph?g0.expr={quote(PAID)}")
    now = eventually("the payment in payments_total", lambda: prometheus.value(PAID), lambda value: value > before)
    console.print(f"   {PAID} rose from {before:.0f} to {now:.0f} (the synthetic customer pays too)")

    def exemplars() -> list[dict]:
        rows = prometheus.exemplars(query, payment.sent_at - 5, time.time() + 5)
        every = [one for row in rows for one in row["exemplars"]]
        # A bucket keeps only its newest exemplar: another payment may have replaced ours.
        return sorted(every, key=lambda one: one["labels"].get("trace_id") != payment.trace_id)

    found = eventually("an exemplar of the latency histogram", exemplars)[0]
    console.print(
        f"   exemplar of the latency histogram: {float(found['value']):.3f} s, trace_id {found['labels']['trace_id']}"
    )


def _error(stack: Stack, error: Exchange) -> None:
    bugsink = Bugsink(stack.url("bugsink"), stack.settings["BUGSINK_API_TOKEN"])
    since = time.time() - observe.LOOK_BACK
    [event, *_] = observe.errors_of(lambda: bugsink.of_trace(error.trace_id, since), error.trace_id)
    _title(5, "An error made on purpose, in Bugsink", stack.url("bugsink"))
    frame = event.frames[-1] if event.frames else {}
    told = {"release": event.data.get("release"), "environment": event.data.get("environment"), **event.tags}
    console.print(
        Text(f"   {event.data['exception']['values'][-1]['type']} in {frame.get('filename')}:{frame.get('lineno')}")
    )
    console.print(Text(f"   {json.dumps(told)}"))
    mailbox = Mailpit(stack.url("mailpit"))
    count = len(mailbox.messages(since))
    console.print(f"   mails of the last ten minutes: {count}, in {stack.url('mailpit')}")


def _explore(stack: Stack, store: str, query: dict[str, str]) -> str:
    queries = [{"refId": "A", "datasource": {"type": store, "uid": store}, **query}]
    pane = {"datasource": store, "queries": queries, "range": {"from": "now-1h", "to": "now"}}
    return (
        f"{stack.url('grafana')}/explore?schemaVersion=1&panes={quote(json.dumps({'a': pane}, separators=(',', ':')))}"
    )
