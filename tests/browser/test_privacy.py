"""Nothing personal leaves the browser but in the requests that need it, and none of it is stored as telemetry."""

import time
from collections.abc import Callable

from playwright.sync_api import expect

from sandbox.traffic.browser import Visitor
from sandbox_testing import (
    Canary,
    ErrorEvent,
    Haystack,
    Passage,
    Prometheus,
    Tempo,
    card_number,
    eventually,
    search,
    word,
)
from tests.support.evidence import Evidence
from tests.support.haystack import scraped
from tests.support.personal import ACCOUNT_COLUMNS, DESCRIPTION_COLUMNS

STORES = ("bugsink", "tempo", "loki", "prometheus")


def test_no_report_of_a_browser_holds_anything_personal(
    visitor: Visitor,
    every_store: list[Haystack],
    tempo: Tempo,
    prometheus: Prometheus,
    errors_of: Callable[..., list[ErrorEvent]],
    evidence: Evidence,
) -> None:
    """Without this a card number is in the error tracker because a page failed while it was typed."""
    began = time.time()
    seen = _PersonalVisit(visitor)
    trace_ids = seen.go()
    for trace_id in trace_ids:
        errors_of(trace_id)
    eventually(
        "search to know the traces of the failures",
        lambda: {found["traceID"] for found in tempo.search("{}", began, time.time(), limit=5000)},
        lambda known: known >= set(trace_ids),
        timeout=60.0,
    )
    scraped(prometheus)
    # What the browser itself sent and printed, before anything behind it could scrub.
    reports = Haystack("browser", lambda _since: [Passage("report", text) for text in visitor.reports])
    sent = search(seen.canaries, [reports], began, {"browser": trace_ids[0]})
    sent.verify()
    assert len(_errors(visitor)) == 5, "four failures with personal parts, and the last one"
    by_trace = dict.fromkeys(("bugsink", "tempo"), trace_ids[0])
    controls = {**by_trace, "loki": seen.payment, "prometheus": "/api/payments"}
    stored = search(seen.canaries, [store for store in every_store if store.name in STORES], began, controls)
    stored.verify()
    evidence(canaries=len(seen.canaries), reports=sent.read["browser"], passages=sum(stored.read.values()))
    assert len(seen.canaries) >= 15


def test_browser_sends_no_session_replay_or_client_report(visitor: Visitor) -> None:
    """Without this a library's default sends the person's every visit, and with it their address."""
    visitor.break_by("throw shell")
    visitor.until("the report of the error", lambda: _errors(visitor))
    kinds = {line for report in _errors(visitor) for line in report.splitlines()[1:2]}
    assert kinds == {'{"type":"event"}'}
    assert not visitor.page.context.cookies()
    strangers = [r.url for r in visitor.requests if not r.url.startswith((visitor.address, "data:", "about:"))]
    assert strangers == [], "the page talks to its own server only"


def test_reported_events_hold_no_address_of_the_person(
    visitor: Visitor, errors_of: Callable[..., list[ErrorEvent]]
) -> None:
    """Without this every error says who had it."""
    [event] = errors_of(visitor.break_by("throw frontend-account"))
    assert not {"user", "request", "breadcrumbs", "extra", "modules", "server_name"} & set(event.data)
    assert set(event.data["contexts"]) == {"trace"}
    assert "127.0.0.1" not in event.text
    assert "HeadlessChrome" not in event.text


class _PersonalVisit:
    """Types canaries everywhere, also where they make the page fail."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self.canaries: list[Canary] = []
        self.payment = ""

    def plant(self, name: str, allowed: frozenset[str] = frozenset()) -> str:
        value = word(name.split()[0])
        self.canaries.append(Canary(name, value, allowed=allowed))
        return value

    def go(self) -> list[str]:
        """The trace ids of what failed on the way."""
        visitor, page = self._visitor, self._visitor.page
        visitor.email = f"{self.plant('mail', ACCOUNT_COLUMNS)}@example.com"
        visitor.password = self.plant("password")
        page.goto(f"{visitor.address}/?{self.plant('query')}={self.plant('value')}#/{self.plant('fragment')}")
        visitor.sign_up(self.plant("name", ACCOUNT_COLUMNS))
        card = card_number("4242")
        self.canaries.append(Canary("card", card))
        self.payment = visitor.pay("is declined", description=self.plant("description", DESCRIPTION_COLUMNS))
        page.get_by_label("Card number").fill(card)
        page.get_by_label("Amount").fill("3.50")
        page.get_by_label("What for").fill(self.plant("purpose", DESCRIPTION_COLUMNS))
        page.get_by_role("button", name="Pay", exact=True).click()
        expect(page.get_by_text("You paid")).to_be_visible()
        page.evaluate("title => { document.title = title }", self.plant("title"))
        self._fail()
        visitor.until("the reports of four failures", lambda: len(_errors(visitor)) == 4)
        return [visitor.break_by("throw shell")]

    def _fail(self) -> None:
        """Errors whose every part is personal: message, name, cause, rejected value, what is logged."""
        token = f"eyJ{self.plant('token')}.eyJ{self.plant('claims')}.x"
        self.canaries.append(Canary("whole token", token))
        parts = [self.plant(name) for name in ("message", "cause", "property", "rejection")]
        self._visitor.page.evaluate(
            """([message, cause, property, rejection, token, mail]) => {
                 const failure = new TypeError(`${message} ${mail} ${token}`, { cause: new Error(cause) });
                 failure.customer = property;
                 setTimeout(() => { throw failure });
                 setTimeout(() => Promise.reject({ mail: rejection }));
                 setTimeout(() => Promise.reject(rejection));
                 setTimeout(() => { throw new Error(location.href + document.title) });
               }""",
            [*parts, token, self._visitor.email],
        )


def _errors(visitor: Visitor) -> list[str]:
    """What the page sent about errors."""
    return [report for report in visitor.reports if "/telemetry/errors" in report]
