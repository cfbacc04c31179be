"""Drills of alerting on the running stack.

A drill injects a fault, checks which alerts fire and who is notified, and measures the delays.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser

from sandbox.incidents.injection import inject_named, remove_named
from sandbox.model.stack import Stack
from sandbox_testing import Mailpit, Message, Prometheus, Sample, direct, eventually

__all__ = ["DRILLS", "ON_CALL", "PARTS", "Course", "Drill", "Inbox", "broken_links", "opened", "run"]

PAGED_WITHIN = 90.0
OVER_WITHIN = 120.0
# The alert of an objective can flap while its short windows still contain earlier errors.
QUIET = "45s"
# Prometheus repeats a resolved alert for a quarter of an hour, and each repetition opens a new group in Alertmanager.
# Another alert of the service that joins this group is sent at once, without grouping, so that one incident could be
# two pages.
FORGOTTEN, FORGOTTEN_WITHIN = "16m", 17 * 60.0
# As in TargetDown (prometheus/rules/platform.yml).
AWAKE_SECONDS = 60
STEP = 0.5
PARTS = ("sampled", "active", "fired", "sent", "inbox", "resolved")
"""Moments of a course, in their order; each is a field of it."""


@dataclass(frozen=True)
class Drill:
    """One drill. `alert` of `service` must page only `mailbox`, and none of `quiet` may fire.

    `sign` is PromQL over the metrics that the alert reads; its value rises with the first bad sample.
    """

    fault: str
    alert: str
    service: str
    mailbox: str
    sign: str
    quiet: tuple[str, ...]


ON_CALL = {team: f"{team}-oncall@sandbox.test" for team in ("payments", "platform")}
AUTH = ("AuthErrorBudgetBurn", "AuthLatencyBudgetBurn")
REQUESTS = "http_server_request_duration_seconds"


DRILLS = {
    drill.fault: drill
    for drill in (
        Drill(
            "acquirer-down", "PaymentSuccessBudgetBurn", "payments", ON_CALL["payments"],
            'sum(payments_total{outcome=~"failed|unknown"}) or vector(0)',
            ("TargetDown", "DatabaseDown", "TelemetryExportFailing", "NoTraffic"),
        ),
        Drill(
            "database-stopped", "DatabaseDown", "postgres", ON_CALL["platform"],
            "sum(database_up == bool 0)",
            ("TargetDown", "TelemetryExportFailing", "CircuitOpen"),
        ),
        Drill(
            "service-killed", "TargetDown", "payments", ON_CALL["payments"],
            'sum(up{service="payments"} == bool 0)',
            ("DatabaseDown", "TelemetryExportFailing", *AUTH),
        ),
        Drill(
            "slow-wire", "PaymentsLatencyBudgetBurn", "payments", ON_CALL["payments"],
            f'sum({REQUESTS}_count{{service="payments"}}) - sum({REQUESTS}_bucket{{service="payments",le="0.75"}})',
            ("TargetDown", "DatabaseDown", "PaymentSuccessBudgetBurn", "CircuitOpen"),
        ),
        Drill(
            "error-burst", "PaymentsErrorBudgetBurn", "payments", ON_CALL["payments"],
            f'sum({REQUESTS}_count{{service="payments",error_type!=""}}) or vector(0)',
            ("TargetDown", "DatabaseDown", "PaymentSuccessBudgetBurn", "CircuitOpen"),
        ),
        Drill(
            "store-down", "TargetDown", "loki", ON_CALL["platform"],
            'sum(up{service="loki"} == bool 0)',
            ("DatabaseDown", "PaymentSuccessBudgetBurn", "PaymentsErrorBudgetBurn", *AUTH),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Course:
    """The course of a drill, in seconds after the injection.

    The times: the first bad sample was stored, the rule had enough of them, the alert fired, Alertmanager sent the
    page, it was in the inbox, the resolution was in the inbox.

    `page` and `over` are the mails, `others` all other mails, `fired_names` the alerts that began to fire meanwhile.
    """

    sampled: float
    active: float
    fired: float
    sent: float
    inbox: float
    resolved: float
    page: Message
    over: Message
    others: tuple[Message, ...]
    fired_names: frozenset[str]


@dataclass(frozen=True)
class Inbox:
    """One mail as displayed to a person."""

    message: Message
    html: str
    text: str

    @property
    def links(self) -> list[str]:
        found: list[str] = []

        class Links(HTMLParser):
            def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
                found.extend(value for name, value in attrs if tag == "a" and name == "href" and value)

        Links().feed(self.html)
        return found


def run(drill: Drill, stack: Stack, prometheus: Prometheus, mailbox: Mailpit) -> Course:
    """Inject the fault, wait for the page, remove the fault, wait for the resolution.

    First waits until the effects of earlier tests are over: no page fires or is pending for a while, and none of this
    service has fired for as long as Prometheus repeats its resolution. Raises NotSeen.
    """
    # TargetDown does not fire earlier, because everything starts at once.
    awake = f'time() - process_start_time_seconds{{service="prometheus"}} > {AWAKE_SECONDS}'
    eventually("Prometheus to have run for a minute", lambda: prometheus.query(awake), timeout=2 * AWAKE_SECONDS)
    calm = f"no page to be active for {QUIET} before the drill"
    eventually(calm, lambda: not _pages(prometheus, QUIET), timeout=2 * OVER_WITHIN, interval=0.5)
    forgotten = f"no page of {drill.service} to have been active for {FORGOTTEN}"
    # Prometheus never sends alerts that were only pending, as during the start of the stack.
    mine = f',service="{drill.service}",alertstate="firing"'
    eventually(forgotten, lambda: not _pages(prometheus, FORGOTTEN, mine), timeout=FORGOTTEN_WITHIN, interval=1.0)
    began = time.time()

    def mails() -> list[Message]:
        return mailbox.messages(began, search=f'to:"{drill.mailbox}"')

    def told() -> list[Message]:
        return [one for one in mails() if one.subject.startswith("[PAGE]") and drill.alert in _text(mailbox, one)]

    def ended() -> list[Message]:
        said = re.compile(rf"RESOLVED at .*: {drill.alert} \({drill.service}\)")
        return [one for one in mails() if said.search(_text(mailbox, one))]

    def closing(news: Message) -> list[Message]:
        return [one for one in mails() if one.subject.startswith("[RESOLVED]") and one.received_at >= news.received_at]

    with injected(stack, drill.fault):
        page = eventually(f"a page about {drill.alert} in {drill.mailbox}", told, timeout=PAGED_WITHIN)[-1]
        active, fired = _active_since(prometheus, drill), _fired_at(stack, drill)
        sampled = _first_sample(prometheus, drill, began)
    # One incident is one page: while another of its alerts is firing, the resolution arrives in an update mail.
    news = eventually(f"the news that {drill.alert} is over", ended, timeout=OVER_WITHIN)[-1]
    over = eventually("the mail that closes the incident", lambda: closing(news), timeout=OVER_WITHIN)[-1]
    return Course(
        sampled=sampled - began,
        active=active - began,
        fired=fired - began,
        sent=_sent_at(page) - began,
        inbox=page.received_at - began,
        resolved=news.received_at - began,
        page=page,
        over=over,
        others=tuple(one for one in mailbox.messages(began) if one.id not in (page.id, over.id)),
        fired_names=_began_to_fire(prometheus, began, over.received_at),
    )


@contextmanager
def injected(stack: Stack, name: str) -> Iterator[None]:
    """Inject a named fault while the block runs. It is removed however the block or the injection ends.

    Raises StackError if it cannot be injected or removed.
    """
    try:
        inject_named(stack, name)
        yield
    finally:
        remove_named(stack, name)


def opened(mailbox: Mailpit, message: Message) -> Inbox:
    """Return the parts of a mail that a mail program displays."""
    parts = mailbox.get(f"/api/v1/message/{message.id}")
    return Inbox(message, parts["HTML"], parts["Text"])


def broken_links(inbox: Inbox) -> list[str]:
    """Return the links that do not work, with the status of each."""
    answers = {link: direct.get(link, timeout=10.0, follow_redirects=True).status_code for link in inbox.links}
    return [f"{link}: {status}" for link, status in answers.items() if status >= 400]


def _text(mailbox: Mailpit, message: Message) -> str:
    return opened(mailbox, message).text


def _firing(prometheus: Prometheus, drill: Drill) -> list[dict]:
    return [
        one
        for one in prometheus.alerts()
        if one["labels"]["alertname"] == drill.alert
        and one["labels"].get("service") == drill.service
        and one["labels"]["severity"] == "page"
    ]


def _pages(prometheus: Prometheus, within: str, of: str = "") -> list[Sample]:
    return prometheus.query(f'present_over_time(ALERTS{{severity="page"{of}}}[{within}])')


def _began_to_fire(prometheus: Prometheus, began: float, over: float) -> frozenset[str]:
    """Return the names of the alerts that fired during the drill and not before.

    Tickets of objectives are left out: their windows include the time before the drill.
    """
    fired = 'ALERTS{alertstate="firing"} unless ALERTS{alertname=~".+BudgetBurn",severity="ticket"}'
    rows = prometheus.query_range(fired, began, over, STEP)
    return frozenset(row["metric"]["alertname"] for row in rows if float(row["values"][0][0]) > began)


def _first_sample(prometheus: Prometheus, drill: Drill, began: float) -> float:
    """Return when the first sample of the fault's effect was stored, to half a second."""

    def rises() -> list[float]:
        [row] = prometheus.query_range(drill.sign, began, time.time(), STEP)
        values = [(float(moment), float(value)) for moment, value in row["values"]]
        return [moment for moment, value in values if value > values[0][1]]

    return eventually(f"the first bad sample of {drill.fault}", rises)[0]


def _sent_at(message: Message) -> float:
    """Return when Alertmanager wrote the mail, from the nanoseconds in its Message-Id.

    Its Date has whole seconds only.
    """
    found = re.search(r"^Message-Id: <(\d{19})\.", message.source, re.MULTILINE)
    assert found, f"a mail without Alertmanager's Message-Id: {message.source[:500]}"
    return int(found[1]) / 1e9


def _active_since(prometheus: Prometheus, drill: Drill) -> float:
    return max(_moment(one["activeAt"]) for one in _firing(prometheus, drill))


def _fired_at(stack: Stack, drill: Drill) -> float:
    query = {"filter": [f'alertname="{drill.alert}"', f'service="{drill.service}"', 'severity="page"']}
    alerts = (
        direct.get(f"{stack.url('alertmanager')}/api/v2/alerts", params=query, timeout=5.0).raise_for_status().json()
    )
    return max(_moment(one["startsAt"]) for one in alerts)


def _moment(text: str) -> float:
    return datetime.fromisoformat(re.sub(r"\.\d+", lambda part: part[0][:7], text)).timestamp()
