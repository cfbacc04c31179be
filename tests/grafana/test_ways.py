"""From one signal to the next by clicking, without having logged in: exemplar, trace, its lines, its metrics."""

import re
import secrets

import pytest

from sandbox.model.stack import Stack
from sandbox.traffic.customer import Customer
from sandbox_testing.observe import Trace
from tests.grafana.conftest import Person

EXEMPLARS = '[data-testid="data-testid Exemplar marker"], [aria-label="Exemplar marker"]'
SPANS = '[data-testid="data-testid SpanBar--wrapper"]'


@pytest.fixture(autouse=True)
def traffic(address: str, stack: Stack) -> None:
    """Requests whose exemplars, traces and lines there are to click."""
    with Customer(stack.url("gateway")) as customer:
        customer.arrive()
        for _ in range(5):
            customer.pay()


def test_explore_opens(person: Person) -> None:
    """Without this every link from signal to signal leads back to the first page, without a word."""
    person.page.goto(f"{person.address}/explore")
    person.page.wait_for_load_state("networkidle")
    person.must("/explore" in person.page.url, f"Explore leads to {person.page.url}")


def test_exemplar_leads_to_its_trace_to_its_lines_and_to_its_metrics(person: Person) -> None:
    """Without this the three signals are three programs."""
    page = person.page
    person.open("service", "var-service=gateway")
    person.until("an exemplar on a graph", lambda: page.locator(EXEMPLARS).count())
    # The youngest stands at the right.
    page.locator(EXEMPLARS).last.click(force=True)
    page.get_by_role("link", name=re.compile("open the trace", re.I)).first.click()
    if not person.must(_arrives(person, SPANS), "an exemplar does not open its trace"):
        return
    person.picture("way-1-trace")
    trace = page.url
    page.locator(SPANS).first.click()
    for name, sign, picture in (
        ("logs? for this span|related logs", "request completed", "way-2-lines"),
        ("request rate", "http_server_request_duration_seconds", "way-3-metrics"),
    ):
        link = page.get_by_role("link", name=re.compile(name, re.I)).or_(
            page.get_by_role("button", name=re.compile(name, re.I))
        )
        if not person.must(_is_there(person, link), f"a span has no link {name}"):
            continue
        link.first.click()
        shown = _is_there(person, page.get_by_text(re.compile(sign)))
        person.picture(picture)
        person.must(shown, f"{name} shows no {sign}")
        page.goto(trace)
        person.must(_arrives(person, SPANS), "a trace's address does not open it again")
        page.locator(SPANS).first.click()


def test_trace_of_a_search_shows_its_lines_on_the_dashboard(person: Person, stack: Stack) -> None:
    """An id without its leading zeros, as Tempo's search gives it, finds the lines as well."""
    with Customer(stack.url("gateway")) as customer:
        customer.arrive()
        begun = Trace(f"0{secrets.token_hex(16)[1:]}", secrets.token_hex(8))
        customer.send("GET", "/api/payments", headers=begun.headers)
    person.open("logs-traces", f"var-trace={begun.id.lstrip('0')}")
    shown = _is_there(person, person.page.get_by_text(re.compile("/api/payments")))
    person.picture("lines-of-a-short-id")
    person.must(shown, "an id without its leading zeros finds no lines")


def _arrives(person: Person, selector: str) -> bool:
    return _is_there(person, person.page.locator(selector))


def _is_there(person: Person, place) -> bool:
    try:
        person.until(str(place), lambda: place.count())
    except AssertionError:
        return False
    return True
