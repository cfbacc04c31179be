"""Nothing personal is stored anywhere but in the column that exists for it."""

import smtplib
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest

from sandbox.model.stack import Stack
from sandbox_testing.canaries import Search, search
from sandbox_testing.haystack import Haystack
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Loki, Mailpit, Prometheus, Tempo
from tests.support.evidence import Evidence
from tests.support.haystack import scraped
from tests.support.personal import ACCOUNT_COLUMNS, DESCRIPTION_COLUMNS, PersonalTraffic

LEAST_CANARIES = 40


class Sent:
    """The traffic, and when it began (seconds since the epoch)."""

    def __init__(self, traffic: PersonalTraffic, since: float) -> None:
        self.traffic = traffic
        self.since = since
        exchanges = traffic.customer.exchanges
        self.trace_ids = [one.trace_id for one in exchanges]
        self.failures = [one.trace_id for one in exchanges if one.status == 500]

    @property
    def controls(self) -> dict[str, str]:
        """What each store must hold, because it was sent to it."""
        by_trace = dict.fromkeys(("loki", "tempo", "output"), self.trace_ids[0])
        by_word = dict.fromkeys(("mailpit", "postgres"), self.traffic.control)
        # Which trace id an exemplar keeps is chance; the route of one of the requests is certain.
        return {**by_trace, **by_word, "bugsink": self.failures[0], "prometheus": "/api/payments/{payment_id}"}


@pytest.fixture(scope="module")
def sent(
    stack: Stack, tempo: Tempo, loki: Loki, prometheus: Prometheus, mailbox: Mailpit, errors_of: Callable
) -> Iterator[Sent]:
    """Send everything, and wait until the last request's telemetry is stored."""
    since = time.time() - 1
    with PersonalTraffic(stack.url("gateway")) as traffic:
        traffic.send_all()
        traffic.customer.pay(description=f"control {traffic.control}")
    _send_mail(stack.port("mailpit_smtp"), traffic.control)
    personal = Sent(traffic, since)
    eventually(
        "search to know every trace of the traffic",
        lambda: {found["traceID"] for found in tempo.search("{}", since, time.time())},
        lambda known: known >= set(personal.trace_ids),
    )
    eventually(
        "the log lines of every trace of the traffic",
        lambda: {line.metadata.get("trace_id") for line in loki.lines('{service_name="gateway"}', since)},
        lambda known: known >= set(personal.trace_ids),
    )
    for trace_id in personal.failures:
        errors_of(trace_id)
    scraped(prometheus)
    yield personal
    mailbox.delete(*mailbox.messages(since, search=traffic.control))


def _send_mail(port: int, word: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "control@sandbox.test", "control@sandbox.test", "control"
    message.set_content(word)
    with smtplib.SMTP("127.0.0.1", port, timeout=5) as server:
        server.send_message(message)


@pytest.fixture(scope="module")
def searched(sent: Sent, every_store: list[Haystack]) -> Search:
    """One pass over all stores, for all that was planted and for what must be found."""
    return search(sent.traffic.canaries, every_store, sent.since, sent.controls)


@pytest.mark.engine("where programs print and store")
def test_personal_values_are_stored_nowhere(sent: Sent, searched: Search, evidence: Evidence) -> None:
    """Without this a customer's card number, password or address lies in a log that the whole company can read."""
    planted = sent.traffic.canaries
    evidence(canaries=len(planted), requests=len(sent.trace_ids), passages=searched.read, escaped=len(searched.escapes))
    assert len({canary.value for canary in planted}) >= LEAST_CANARIES
    searched.verify()


@pytest.mark.engine("where programs print and store")
def test_control_value_is_found_in_every_store(sent: Sent, searched: Search, evidence: Evidence) -> None:
    """Without this an empty answer of a broken search would pass for cleanliness."""
    evidence(controls=sent.controls, blind=searched.blind)
    assert sorted(searched.read) == sorted(sent.controls)
    assert searched.blind == []
    # Each failing request is an event, each traced one a trace and at least a line; all of them were read.
    assert searched.read["bugsink"] >= len(sent.failures)
    assert searched.read["tempo"] >= len(sent.trace_ids)
    assert searched.read["loki"] >= len(sent.trace_ids)


def test_column_that_exists_for_a_value_is_the_only_one(searched: Search, evidence: Evidence) -> None:
    """Without this the list of allowed columns could be longer than what the services need."""
    where = {one.where for one in searched.kept}
    evidence(columns=sorted(where))
    assert where == ACCOUNT_COLUMNS | DESCRIPTION_COLUMNS
