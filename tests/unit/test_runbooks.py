"""Runbooks are complete, short, and speak of things that exist; contacts are the people whom Alertmanager tells."""

import re
from functools import cache

import pytest

from sandbox.incidents import runbook, scenario
from sandbox.incidents.runbook import LANGUAGES, SECTIONS
from sandbox.model import ROOT
from sandbox.model.catalog import catalog, frontends
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml
from tests.support.checklist import nothing_is_wrong_with

# Lines and columns of a terminal on half a screen.
ONE_SCREEN = (50, 140)
# Made by services/relay from what the error tracker says.
OF_ERRORS = {"NewErrorIssue", "RegressedErrorIssue"}
# Types of errors in the lines of payments.
EXCEPTIONS = {"IntegrityError", "UndefinedColumn"}
# Commands of mitigations that no game day runs, each with the reason.
_AS_PAYMENTS = "what payments-frozen runs, of another component"
_AS_STORES = "what logs-blind and traces-blind run, of other components"
NOT_PRACTISED = {
    "sandbox kill auth": _AS_PAYMENTS,
    "sandbox kill postgres": _AS_PAYMENTS,
    "sandbox kill bugsink": _AS_PAYMENTS,
    "sandbox kill gateway": _AS_PAYMENTS,
    "sandbox kill tempo": _AS_PAYMENTS,
    "sandbox kill otel-collector": _AS_PAYMENTS,
    "sandbox start acquirer": _AS_STORES,
    "sandbox start customer": _AS_STORES,
    "sandbox start gateway": _AS_STORES,
    "sandbox start payments": _AS_STORES,
    "sandbox start tempo && sandbox start loki": _AS_STORES,
    "sandbox stop prometheus && sandbox start prometheus": "a game day without Prometheus could not see how it ends",
    "sandbox stop payments && sandbox start payments": "MemoryGrowing fires after a quarter of an hour",
    "rm -rf .run/logs.previous .run/bundle": "a disk cannot be filled without harming the machine",
    "PUT CUSTOMER_PORT/control": "game days have customers of their own: NoTraffic does not fire",
    "make status || true": "it only looks",
    "sudo timedatectl set-ntp true": "it sets the machine's clock",
    "sandbox stop otel-collector && gone=exporter_otlp_http_loki_logs && test -d .run/data && rm -f "
    ".run/data/collector-data/$gone || docker run --rm -v observability-sandbox_collector-data:/d busybox rm -f "
    "/d/$gone && sandbox start otel-collector": "tests/e2e/test_queues.py runs it",
}
PAGES = {name: runbook.read(name) for name in runbook.names()}
CONTACTS = parse_yaml((runbook.FOLDER.parent / "alertmanager" / "contacts.yml").read_text(encoding="utf-8"))
COMPONENTS = set(read_topology(ROOT, {}).services)
# They prepare or ask another part, and nobody is called for them.
HELPERS = {"volume-owner", "collector-files", "otel-collector-health"}


@cache
def alert_names() -> set[str]:
    """Every alert that Prometheus is given, and those of the error tracker."""
    folder = ROOT / "prometheus"
    files = [*(folder / "rules").glob("*.yml"), *(folder / "generated" / "sandbox").glob("*.yml")]
    groups = [group for path in files for group in parse_yaml(path.read_text(encoding="utf-8"))["groups"]]
    return {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule} | OF_ERRORS


def test_alerts_and_runbooks_are_one_to_one() -> None:
    assert set(runbook.names()) == alert_names()


@nothing_is_wrong_with(PAGES)
def test_page_has_its_sections_in_order_and_fits_on_a_screen(page: runbook.Runbook) -> dict[str, object]:
    lines, (height, width) = page.text.splitlines(), ONE_SCREEN
    prose = re.sub(r"```.*?```", "", page.text, flags=re.DOTALL)
    return {
        "another heading": lines[0] != f"# {page.name}",
        "other sections": tuple(page.sections) != SECTIONS,
        "too many lines": len(lines) > height and len(lines),
        "too long": [line for line in prose.splitlines() if len(line) > width],
    }


@nothing_is_wrong_with(PAGES)
def test_page_asks_questions_and_names_a_command(page: runbook.Runbook) -> dict[str, object]:
    questions, commands = page.blocks("Diagnosis"), page.blocks("Mitigation")
    return {
        "fewer than two questions": len(questions) < 2,
        "no command": not commands,
        "in an unknown language": {block.language for block in [*questions, *commands]} - set(LANGUAGES),
        "does not say why": any(not (one.text and one.lead) for one in commands if one.language != "sh"),
        "leaves the reader alone": re.findall(r"(?i)\binvestigat\w*", page.text),
        "names no team": "team" not in page.sections["Escalate"].lower(),
    }


@nothing_is_wrong_with(PAGES)
def test_commands_of_a_page_are_about_things_that_exist(page: runbook.Runbook) -> dict[str, object]:
    """tests/unit/test_documented_targets.py shows it of the targets of make."""
    commands = "\n".join(block.text for part in SECTIONS for block in page.blocks(part) if block.language == "sh")
    named = re.findall(r"(?:-m sandbox (?:start|stop|kill) |SERVICE=)([\w-]+)", commands)
    return {
        "there is no component": set(named) - COMPONENTS,
        "there is no alert": set(re.findall(r"`([A-Z][a-z]+[A-Z]\w+)`", page.text)) - alert_names() - EXCEPTIONS,
    }


def _short(command: str) -> str:
    """A command as NOT_PRACTISED names it."""
    text = re.sub(r"curl .*-X (\w+) \S*\{(\w+):-\d+\}(\S+) .*", r"\1 \2\3", command.replace(".venv/bin/python -m ", ""))
    first, *rest = text.splitlines()
    return first.removesuffix(" || true") if "sandbox kill" in first else " && ".join([first, *rest])


def test_every_mitigation_is_run_by_a_game_day_or_says_why_not() -> None:
    scenarios = [scenario.read(name) for name in scenario.names()]
    practised = {runbook.read(one.runbook).block("Mitigation", one.mitigation.strip()).text for one in scenarios}
    written = {block.text for page in PAGES.values() for block in page.blocks("Mitigation")}

    assert {_short(text) for text in written - practised} == set(NOT_PRACTISED)


def test_commands_ask_for_the_ports_of_the_stack_that_runs() -> None:
    """A port that somebody has moved would else be another stack's."""
    blocks = [block.text for page in PAGES.values() for part in SECTIONS for block in page.blocks(part)]
    named = {name: port for text in blocks for name, port in re.findall(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}", text)}
    pinned = dict(re.findall(r"^(\w+_PORT)=(\d+)", (ROOT / ".env").read_text(encoding="utf-8"), re.MULTILINE))

    assert [text for text in blocks if re.search(r"127\.0\.0\.1:\d", text)] == []
    assert named
    assert named.items() <= pinned.items()


def test_contacts_are_the_people_whom_alertmanager_tells() -> None:
    routes = (ROOT / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    routed = re.findall(r"\bto: ([\w.+-]+@[\w.-]+)", routes)
    people = [team[role] for team in CONTACTS["teams"].values() for role in ("on_call", "secondary", "mailbox")]

    assert set(routed) == {*people, CONTACTS["commander"]}


def test_every_component_has_one_team_that_is_called() -> None:
    cataloged = {name: row.team for name, row in {**catalog(), **frontends()}.items()}
    others = [(name, team) for team, row in CONTACTS["teams"].items() for name in row.get("owns", ())]

    assert len({**cataloged, **dict(others)}) == len(cataloged) + len(others)
    assert set(cataloged) | {name for name, _ in others} == COMPONENTS - HELPERS
    assert set(cataloged.values()) <= {*CONTACTS["teams"], *CONTACTS["external"], "external"}


def test_pages_about_the_process_are_all_in_the_overview() -> None:
    overview = (runbook.FOLDER / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in runbook.FOLDER.glob("[a-z]*")}

    assert pages == set(re.findall(r"^\| \[([a-z.]+)\]", overview, re.MULTILINE))


def test_runbook_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(runbook.StackError, match="no runbook 'Typo'") as refused:
        runbook.read("Typo")

    assert "DatabaseDown" in refused.value.next_step
