"""Sentry's own browser tracing, for servers that keep transactions: what the browser sends when the setting is on."""

import json
import re

from playwright.sync_api import Route

from gateway.reports import unpack_envelope
from sandbox.traffic.browser import Visitor


def test_page_load_is_a_transaction_of_the_pages_own_trace_and_holds_no_address(visitor: Visitor) -> None:
    """Without this a team that has a Sentry sees no page load in it, or sees it apart from everything else."""
    sent: list[bytes] = []
    traces: list[str] = []

    def asking_for_transactions(route: Route) -> None:
        answer = route.fetch()
        told = re.search(r'id="config">(.*?)</script>', answer.text())[1]
        config = json.loads(told)
        traces.append(config["traceparent"].split("-")[1])
        config["sampling"]["sentryTraces"] = 1
        route.fulfill(response=answer, body=answer.text().replace(told, json.dumps(config)))

    def keep(route: Route) -> None:
        sent.append(route.request.post_data_buffer or b"")
        route.fulfill(status=202)

    visitor.page.route(f"{visitor.address}/", asking_for_transactions)
    visitor.page.route("**/telemetry/errors", keep)
    visitor.open("log-in")
    # A page load ends when nothing has happened for a while, or when the page is left.
    visitor.until("the transaction", lambda: sent)

    envelope = unpack_envelope(sent[0], transactions=True)
    assert envelope.kind == "transaction"
    assert envelope.event["transaction"] == "documentLoad"
    assert envelope.event["contexts"]["trace"]["trace_id"] == traces[0]
    assert envelope.event["contexts"]["trace"]["op"] == "pageload"
    assert envelope.spans > 3
    item = json.loads(sent[0].splitlines()[2])
    assert not {"request", "user", "breadcrumbs"} & item.keys()
    assert "127.0.0.1" not in json.dumps(item)
