"""docs/reference/errors.md says what the code does: sampling, scrubbing, ownership."""

import json
import re

from gateway import reports
from gateway.settings import BROWSER_SAMPLING
from kit.catalog import team_of
from sandbox.model import ROOT
from sandbox.model.catalog import SERVICES, catalog, frontends
from sandbox.model.documents import parse_yaml
from sandbox_telemetry.errors import Throttle
from sandbox_telemetry.settings import SAMPLED_SHARE, Environment
from testing.vocabulary import vocabulary

PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
LISTS = json.loads((ROOT / "services" / "frontend" / "platform" / "policy.json").read_text(encoding="utf-8"))
CONTACTS = parse_yaml((ROOT / "alertmanager" / "contacts.yml").read_text(encoding="utf-8"))
OWNERS = {**{name: row for name, row in catalog().items() if row.errors}, **frontends()}


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its own heading row."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_sampling_of_each_environment_is_the_documented_one() -> None:
    documented = {name: [float(share) for share in shares] for name, *shares in table("Sampling")}
    actual = {
        one.value: [1.0, SAMPLED_SHARE[one], BROWSER_SAMPLING[one]["errors"], BROWSER_SAMPLING[one]["traces"]]
        for one in Environment
    }
    assert documented == actual


def test_what_is_kept_is_the_documented_list() -> None:
    documented = {what: re.findall(r"`([^`]+)`", kept) for what, kept in table("Scrubbing")}
    names = (
        *("event_keys", "frame_keys", "tags"),
        *("transaction_keys", "transaction_span_keys", "span_attributes", "log_fields"),
    )
    assert list(documented.values()) == [sorted(LISTS[name]) for name in names]


def test_gateway_keeps_no_more_of_an_event_than_the_browser() -> None:
    kept = {key.partition(".")[0] for key in LISTS["event_keys"]}
    rebuilt = reports.rebuild_event(
        {
            **{key: {"a": "b"} for key in ("user", "request", "breadcrumbs", "extra", "server_name", "modules")},
            **dict.fromkeys(reports.EVENT_KEYS, "x"),
            "event_id": "ab" * 16,
            "release": "frontend-shell@1.0.0",
            "contexts": {"trace": {"trace_id": "ab" * 16, "span_id": "cd" * 8}, "browser": {"name": "Chrome"}},
        }
    )
    assert set(rebuilt) == kept
    assert set(rebuilt["contexts"]) == {"trace"}
    assert sorted(reports.FRAME_KEYS) == sorted(LISTS["frame_keys"])
    assert sorted(reports.TAGS) == sorted(LISTS["tags"])


def test_gateway_keeps_no_more_of_a_transaction_than_the_browser() -> None:
    ids = {"trace_id": "ab" * 16, "span_id": "cd" * 8, "data": {"url.full": "x"}, "description": "x"}
    rebuilt = reports.rebuild_transaction(
        {
            **{key: {"a": "b"} for key in ("user", "request", "breadcrumbs", "extra", "server_name", "modules")},
            **dict.fromkeys(reports.TRANSACTION_KEYS, 1),
            "event_id": "ab" * 16,
            "release": "frontend-shell@1.0.0",
            "contexts": {"trace": {**ids, "op": "pageload"}, "browser": {"name": "Chrome"}},
            "spans": [ids],
        }
    )
    assert set(rebuilt) == {key.partition(".")[0] for key in LISTS["transaction_keys"]}
    assert set(rebuilt["contexts"]) == {"trace"}
    assert sorted(reports.SPAN_KEYS) == sorted(LISTS["transaction_span_keys"])
    assert set(rebuilt["spans"][0]) <= set(reports.SPAN_KEYS)


def test_browser_uses_the_vocabulary_that_every_service_uses() -> None:
    assert set(LISTS["span_attributes"]) <= vocabulary().span_attributes
    assert set(LISTS["log_fields"]) <= vocabulary().log_fields


def test_ownership_is_the_catalogs_and_the_mailbox_the_contacts() -> None:
    documented = {owner: row for owner, *row in table("Ownership and escalation")}
    actual = {name: [row.team, str(row.errors), CONTACTS["teams"][row.team]["mailbox"]] for name, row in OWNERS.items()}
    # A service that stands beside those that customers reach is documented by its row in services/catalog.yml.
    assert {*SERVICES, *frontends()} <= documented.keys()
    assert documented == {name: actual.get(name) for name in documented}


def test_event_names_the_team_of_the_catalog() -> None:
    assert OWNERS
    assert {owner: team_of(owner) for owner in OWNERS} == {owner: row.team for owner, row in OWNERS.items()}


def test_gateways_own_limit_is_the_documented_one() -> None:
    from gateway.settings import Settings

    [documented] = re.findall(r"one browser address (\d+) a minute", PAGE)
    assert Settings.model_fields["rate_limit_browser"].default == f"{documented}/minute"


def test_bounds_against_a_flood_are_the_documented_ones() -> None:
    import inspect

    from gateway import outbox
    from sandbox.model.compose import read_topology

    [at_once, a_second] = re.findall(r"a service\s+reports (\d+) events at once and then (\d+) a second", PAGE)[0]
    throttle = inspect.signature(Throttle).parameters
    assert (throttle["burst"].default, throttle["per_second"].default) == (int(at_once), float(a_second))
    [taken] = re.findall(r"the error tracker accepts\s+([\d,]+) events of one project in five minutes", PAGE)
    settings = read_topology(ROOT, {}).services["bugsink"].environment
    assert settings["MAX_EVENTS_PER_PROJECT_PER_5_MINUTES"] == taken.replace(",", "")
    assert "holds events for up to ten minutes while the tracker is down" in PAGE
    assert outbox.PATIENCE_SECONDS == 600


def test_only_the_logger_writes_to_the_console() -> None:
    rules = json.loads((ROOT / "services" / "frontend" / ".oxlintrc.json").read_text(encoding="utf-8"))
    assert rules["rules"]["no-console"] == "error"
    [exception] = [one for one in rules["overrides"] if one["rules"].get("no-console") == "off"]
    assert exception["files"] == ["platform/src/logger.ts", "build.mjs"]
