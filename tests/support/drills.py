"""Drills: a fault on the live stack, what must fire and who must be told, and how long each part of that took."""

import re
import time
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser

import httpx

from faults import injected
from sandbox_testing import Mailpit, Message, Prometheus, eventually
from tests.support.stack import Stack

__all__ = ["DRILLS", "Course", "Drill", "Inbox", "broken_links", "opened", "run"]

PAGED_WITHIN = 90.0
OVER_WITHIN = 120.0


@dataclass(frozen=True)
class Drill:
    """`alert` of `service` must page `mailbox`. Nobody in `silent` may get a page, and none of `quiet` may fire."""

    fault: str
    alert: str
    service: str
    mailbox: str
    quiet: tuple[str, ...]
    silent: tuple[str, ...]


def _mailbox(team: str) -> str:
    return f"{team}-oncall@sandbox.test"


ON_CALL = {team: _mailbox(team) for team in ("edge", "identity", "payments", "platform")}
AUTH = ("AuthErrorBudgetBurn", "AuthLatencyBudgetBurn")


def _others(*teams: str) -> tuple[str, ...]:
    return tuple(mailbox for team, mailbox in ON_CALL.items() if team not in teams)


DRILLS = {
    drill.fault: drill
    for drill in (
        Drill(
            "acquirer-down", "PaymentSuccessBudgetBurn", "payments", ON_CALL["payments"],
            ("TargetDown", "DatabaseDown", "TelemetryExportFailing", "NoTraffic"), _others("payments", "edge"),
        ),
        Drill(
            "database-stopped", "DatabaseDown", "postgres", ON_CALL["platform"],
            ("TargetDown", "TelemetryExportFailing", "CircuitOpen"), _others("platform"),
        ),
        Drill(
            "service-killed", "TargetDown", "payments", ON_CALL["payments"],
            ("DatabaseDown", "TelemetryExportFailing", *AUTH), _others("payments", "edge"),
        ),
        Drill(
            "slow-wire", "PaymentsLatencyBudgetBurn", "payments", ON_CALL["payments"],
            ("TargetDown", "DatabaseDown", "PaymentSuccessBudgetBurn", "CircuitOpen"), _others("payments", "edge"),
        ),
        Drill(
            "error-burst", "PaymentsErrorBudgetBurn", "payments", ON_CALL["payments"],
            ("TargetDown", "DatabaseDown", "PaymentSuccessBudgetBurn", "CircuitOpen"), _others("payments", "edge"),
        ),
        Drill(
            "store-down", "TargetDown", "loki", ON_CALL["platform"],
            ("DatabaseDown", "PaymentSuccessBudgetBurn", "PaymentsErrorBudgetBurn", *AUTH), _others("platform"),
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Course:
    """What happened, in seconds after the fault was put in: the rule saw it, the alert fired, the page was there,
    and the news that it is over. `page` and `over` are the mails."""

    seen: float
    fired: float
    inbox: float
    resolved: float
    page: Message
    over: Message
    others: tuple[Message, ...]
    alerts: frozenset[str]


@dataclass(frozen=True)
class Inbox:
    """One mail as a person sees it."""

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
    """Put the fault in, wait for the page, take the fault out, wait for the news that it is over.

    The alert must not fire beforehand: what an earlier test left is waited for. Raises NotSeen.
    """
    eventually(
        f"{drill.alert} to be silent before the drill",
        lambda: not _firing(prometheus, drill),
        timeout=OVER_WITHIN,
        interval=0.5,
    )
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

    with injected(drill.fault):
        page = eventually(f"a page about {drill.alert} in {drill.mailbox}", told, timeout=PAGED_WITHIN)[-1]
        seen, fired = _active_since(prometheus, drill), _fired_at(stack, drill)
        alerts = frozenset(
            one["labels"]["alertname"] for one in prometheus.alerts() if _moment(one["activeAt"]) >= began
        )
    # One incident is one mail: while another alert of it still fires, the news is in a mail that pages for that one.
    news = eventually(f"the news that {drill.alert} is over", ended, timeout=OVER_WITHIN)[-1]
    over = eventually("the mail that closes the incident", lambda: closing(news), timeout=OVER_WITHIN)[-1]
    others = tuple(one for one in mailbox.messages(began) if one.id not in (page.id, over.id))
    return Course(
        seen=seen - began,
        fired=fired - began,
        inbox=page.received_at - began,
        resolved=news.received_at - began,
        page=page,
        over=over,
        others=others,
        alerts=alerts,
    )


def opened(mailbox: Mailpit, message: Message) -> Inbox:
    """The parts of a mail that a mail program shows."""
    parts = mailbox.get(f"/api/v1/message/{message.id}")
    return Inbox(message, parts["HTML"], parts["Text"])


def broken_links(inbox: Inbox, pages_that_are_not: tuple[str, ...]) -> list[str]:
    """Links that lead nowhere, but for those that begin like a page which this engine does not have."""
    links = [link for link in inbox.links if not link.startswith(pages_that_are_not)]
    answers = {link: httpx.get(link, timeout=10.0, follow_redirects=True).status_code for link in links}
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


def _active_since(prometheus: Prometheus, drill: Drill) -> float:
    return max(_moment(one["activeAt"]) for one in _firing(prometheus, drill))


def _fired_at(stack: Stack, drill: Drill) -> float:
    query = {"filter": [f'alertname="{drill.alert}"', f'service="{drill.service}"', 'severity="page"']}
    alerts = (
        httpx.get(f"{stack.url('alertmanager')}/api/v2/alerts", params=query, timeout=5.0).raise_for_status().json()
    )
    return max(_moment(one["startsAt"]) for one in alerts)


def _moment(text: str) -> float:
    return datetime.fromisoformat(re.sub(r"\.\d+", lambda part: part[0][:7], text)).timestamp()
