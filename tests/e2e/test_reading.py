"""What a person reads in each panel, by Grafana's own code over this stack's answers; and where each link leads."""

import json
import re
import secrets
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.dashboards.queries import dashboards, panels_of
from sandbox.dashboards.style import PRESENCE, SEVERITIES
from sandbox.model.stack import Stack
from sandbox.traffic.customer import DECLINED_CARD, Customer
from sandbox_testing import Loki, Tempo, direct, eventually
from sandbox_testing.observe import Trace
from tests.support.evidence import Evidence
from tests.support.reading import here, read, texts

BOARDS = dashboards()
Panels = list[dict[str, Any]]
# The data source of traces names these; every other column is named by its table.
FAILED = "{ kind = server && status = error }"
OF_TEMPO = {"Trace ID", "Start time", "Service", "Name", "Duration"}


@pytest.fixture(scope="module")
def failed(stack: Stack, tempo: Tempo) -> tuple[str, float]:
    """The trace id of a failed request as Tempo's search gives it, without its first zero; and when it was made."""
    begin, begun = time.time(), Trace(f"0{secrets.token_hex(16)[1:]}", secrets.token_hex(8))
    with Customer(stack.url("gateway")) as person:
        person.arrive().pay()
        person.pay(card=DECLINED_CARD)
        person.send("POST", "/api/debug/payments/error", headers=begun.headers)
    short = begun.id.lstrip("0")

    def found() -> bool:
        answer = tempo.get("/api/search", q=FAILED, start=int(begin), end=int(time.time()) + 1, limit=100)
        return short in {one["traceID"] for one in answer.get("traces") or []}

    eventually("a failed request in Tempo's search", found, timeout=60, interval=0.5)
    return short, begin


@pytest.fixture(scope="module")
def boards(stack: Stack, failed: tuple[str, float]) -> dict[str, Panels]:
    return dict(zip(BOARDS, read(BOARDS.values(), stack), strict=True))


def test_nothing_that_is_shown_is_no_number_or_unfilled(boards: dict[str, Panels], evidence: Evidence) -> None:
    """Without this a quiet night looks like a broken dashboard: NaN in figures, tables and legends."""
    wrong = [
        f"{uid} {panel['title']}: {text}"
        for uid, panels in boards.items()
        for panel in panels
        for text in texts(panel)
        if re.search(r"\bNaN\b|undefined|\bnull\b|\$\{|\{\{|Infinity|∞", text)
    ]
    evidence(panels=sum(map(len, boards.values())))
    assert wrong == []


def test_everything_that_is_shown_has_a_name_of_its_own(boards: dict[str, Panels]) -> None:
    """Without this five dials are called "services default", and a series is called {}."""
    wrong = []
    for uid, panels in boards.items():
        for panel in panels:
            names = [entry["name"] for entry in panel.get("entries", [])]
            wrong += [f"{uid} {panel['title']}: {name!r}" for name in names if not re.match(r"\w", name)]
            wrong += [f"{uid} {panel['title']}: {name} twice" for name in set(names) if names.count(name) > 1]
    assert wrong == []


def test_tables_have_the_columns_that_somebody_named_and_none_is_empty(boards: dict[str, Panels]) -> None:
    """Without this a table grows a column for each label, and cells say what holds for the whole table."""
    wrong = []
    for uid, panels in boards.items():
        written = {panel["title"]: panel for panel in panels_of(BOARDS[uid])}
        for panel in panels:
            for column in panel.get("columns", []):
                named = OF_TEMPO
                for transformation in written[panel["title"]].get("transformations", []):
                    named = set(transformation["options"].get("renameByName", {}).values())
                place = f"{uid} {panel['title']} {column['heading']}"
                if column["heading"] not in named:
                    wrong.append(f"{place}: nobody named it")
                if not set(column["cells"]) - {"", "–"}:
                    wrong.append(f"{place}: empty")
                if written[panel["title"]]["fieldConfig"]["defaults"].get("noValue") in column["cells"]:
                    wrong.append(f"{place}: a cell says what holds for the whole table")
    assert wrong == []


def test_states_are_said_in_words_with_their_colours(boards: dict[str, Panels]) -> None:
    """Without this a bar says "1+"."""
    states = {(text, shade) for text, shade in [*PRESENCE.values(), *SEVERITIES.values()]}
    [panel] = [one for one in boards["infrastructure"] if one["title"] == "Scrape targets"]
    shown = {(one["text"], one["color"]) for entry in panel["entries"] for one in entry["colours"]}
    assert PRESENCE[1] in shown
    assert shown <= states


def test_money_has_a_currency_and_two_decimals(boards: dict[str, Panels]) -> None:
    """Without this a payment of 19.99 is worth 2 K."""
    [panel] = [one for one in boards["journey"] if one["title"] == "Authorised amounts"]
    cells = {column["heading"]: column["cells"] for column in panel["columns"]}
    assert "EUR" in cells["Currency"]
    assert all(re.fullmatch(r"\d+\.\d\d|–", cell) for cell in [*cells["Per minute"], *cells["Median"]])
    # Nobody here pays more than a thousand.
    assert all(float(cell) < 1000 for cell in cells["Median"] if cell != "–")


def test_log_lines_can_be_read(boards: dict[str, Panels]) -> None:
    """Without this a panel is a wall of JSON."""
    for uid, title in (("overview", "Warnings and errors"), ("logs-traces", "Log lines")):
        [panel] = [one for one in boards[uid] if one["title"] == title]
        assert panel["lines"]
        for line in panel["lines"]:
            assert re.match(r"[A-Z]+ +[\w-]+ +[^{ ]", line), f"{uid} {title}: {line}"
    # An access line: what was asked for, the answer, and how long it took.
    assert any(re.search(r" (GET|POST) /\S+ [2-5]\d\d [\d.]+ ms$", line) for line in panel["lines"]), panel["lines"]


def test_id_without_its_zero_opens_the_trace_and_finds_its_lines(
    stack: Stack, tempo: Tempo, loki: Loki, failed: tuple[str, float], evidence: Evidence
) -> None:
    """Without this one trace in sixteen has no log lines."""
    short_id, begin = failed
    minutes = (time.time() - begin) / 60 + 1
    [shown] = read([BOARDS["logs-traces"]], stack, minutes=minutes)
    [table] = [one for one in shown if one["title"] == "Failed requests"]
    [ids] = [column for column in table["columns"] if column["heading"] == "Trace ID"]
    links = ids["links"][ids["cells"].index(short_id)]
    evidence(trace_id=short_id, links=links)
    assert links
    for link in links:
        [pane] = map(json.loads, parse_qs(urlsplit(link["href"]).query)["left"])
        assert [one["query"] for one in pane["queries"]] == [short_id]
    assert tempo.trace(short_id)
    assert loki.of_trace(short_id, begin - 60)
    [shown] = read([BOARDS["logs-traces"]], stack, {"trace": short_id}, minutes=minutes)
    [lines] = [one["lines"] for one in shown if one["title"] == "Log lines"]
    assert any("/api/debug/{service}/error" in line for line in lines), lines
    assert not any("/api/payments " in line for line in lines), lines


def test_each_link_opens_what_it_says(boards: dict[str, Panels], stack: Stack, evidence: Evidence) -> None:
    """Without this a click in the middle of an incident opens an empty page."""
    seen = {(link["title"], link["href"]) for panels in boards.values() for panel in panels for link in _links(panel)}
    evidence(links=len(seen))
    assert len(seen) > 10
    for title, href in seen:
        assert "${" not in href, f"{title}: {href}"
        parts = urlsplit(href)
        if parts.netloc:
            answer = direct.get(here(stack, href), timeout=10.0, follow_redirects=True)
            assert answer.is_success, f"{title}: {href}"
        elif parts.path.startswith("/d/"):
            target = BOARDS[parts.path.removeprefix("/d/")]
            known = {f"var-{one['name']}" for one in target["templating"].get("list", [])}
            asked = {name: values for name, values in parse_qs(parts.query).items() if name.startswith("var-")}
            assert asked.keys() <= known, f"{title}: {href}"
            assert all(all(values) for values in asked.values()), f"{title}: {href}"
        else:
            assert parts.path == "/explore", f"{title}: {href}"


def _links(panel: dict[str, Any]) -> Iterator[dict[str, str]]:
    for entry in panel.get("entries", []):
        yield from entry.get("links", [])
    for column in panel.get("columns", []):
        for cell in column["links"]:
            yield from cell
