"""A new error, and one that came back, are told to the team that owns it."""

import json
import secrets
import time
from collections.abc import Mapping

from sandbox.model.catalog import SERVICES, catalog, frontends
from sandbox.model.stack import Stack
from sandbox_testing import Bugsink, Mailpit, Message, Trace, direct, eventually
from tests.support.evidence import Evidence
from tests.support.figures import Figures

# From the error to the mail; what the issue's page shows in between is quicker (tests/browser/test_cost.py).
MAIL_WITHIN_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
# While one of these fires, news of the same service is held back, and told only after the group's interval.
HOLD_BACK = 'alertname=~"TargetDown|DatabaseDown"'
OWNERS = {**{name: catalog()[name] for name in SERVICES if catalog()[name].errors}, **frontends()}


def report(stack: Stack, owner: str, kind: str) -> float:
    """An error of a kind of its own, as the SDK in a service sends it, or the browser of somebody who uses a part of
    the frontend. Returns when, in seconds since the epoch.
    """
    trace, browser = Trace.new(), owner in frontends()
    project, key = OWNERS[owner].errors, stack.settings[f"{owner.upper().replace('-', '_')}_SENTRY_KEY"]
    event = {
        "event_id": secrets.token_hex(16),
        "timestamp": time.time(),
        "platform": "javascript" if browser else "python",
        "level": "error",
        "environment": stack.environment,
        "release": f"{owner}@{stack.version(owner)}",
        "transaction": "tests: report",
        "exception": {"values": [{"type": kind, "value": "", "stacktrace": {"frames": []}}]},
        "contexts": {"trace": {"trace_id": trace.id, "span_id": trace.span_id}},
        "tags": {"service": owner, "team": OWNERS[owner].team, "trace_id": trace.id},
    }
    dsn = f"http://{key}@{_tracker(stack)}/{project}"
    body = "\n".join(
        json.dumps(part) for part in ({"dsn": dsn, "event_id": event["event_id"]}, {"type": "event"}, event)
    )
    to = f"{stack.url('gateway')}/telemetry/errors" if browser else f"{stack.url('bugsink')}/api/{project}/envelope/"
    sent = time.time()
    direct.post(to, content=body, params={} if browser else {"sentry_key": key}, timeout=10.0).raise_for_status()
    return sent


def _tracker(stack: Stack) -> str:
    """The tracker's host and port as the page tells them to browsers: another on each engine."""
    page = direct.get(stack.url("gateway"), timeout=10.0).text
    told = json.loads(page.split('id="config">')[1].split("</script>")[0])
    return told["apps"]["frontend-shell"]["dsn"].partition("@")[2].partition("/")[0]


def test_new_error_of_each_owner_and_its_return_reach_the_team_within_ten_seconds(
    stack: Stack, bugsink: Bugsink, mailbox: Mailpit, evidence: Evidence, figures: Figures
) -> None:
    """Without this an error waits until somebody happens to look into the tracker."""
    alerts = f"{stack.url('alertmanager')}/api/v2/alerts"
    eventually(
        "nothing to be down any more",
        lambda: direct.get(alerts, params={"filter": HOLD_BACK}, timeout=10.0).raise_for_status().json(),
        lambda firing: firing == [],
        # A page of a target lasts a minute longer than what it tells of, the database's longer still.
        timeout=2 * PATIENCE_SECONDS,
    )
    kinds = {owner: f"Fault{secrets.token_hex(4)}" for owner in OWNERS}
    thrown = {owner: report(stack, owner, kind) for owner, kind in kinds.items()}
    first = _mails(mailbox, kinds, thrown)
    assert [owner for owner, mail in first.items() if "NewErrorIssue" not in mail.source] == []

    for owner, kind in kinds.items():
        issues = bugsink.issues(OWNERS[owner].errors or 0, thrown[owner] - 1)
        [issue] = [one for one in issues if one["calculated_type"] == kind]
        assert issue["id"] in first[owner].source.replace("=\r\n", "").replace("=\n", ""), "the mail leads to the issue"
        bugsink.resolve(issue["id"])
    again = {owner: report(stack, owner, kind) for owner, kind in kinds.items()}
    second = _mails(mailbox, kinds, again)
    assert [owner for owner, mail in second.items() if "RegressedErrorIssue" not in mail.source] == []

    took = {owner: round(mail.received_at - thrown[owner], 2) for owner, mail in first.items()}
    took |= {f"{owner}, back": round(mail.received_at - again[owner], 2) for owner, mail in second.items()}
    evidence(**{owner.replace("-", "_").replace(", ", "_"): seconds for owner, seconds in took.items()})
    figures.add("error to mail: service", "s", [s for name, s in took.items() if not name.startswith("frontend-")])
    figures.add("error to mail: browser", "s", [s for name, s in took.items() if name.startswith("frontend-")])
    assert max(took.values()) <= MAIL_WITHIN_SECONDS, took


def _mails(mailbox: Mailpit, kinds: Mapping[str, str], since: Mapping[str, float]) -> dict[str, Message]:
    """The mail of each owner's error, in the box of the team that owns it."""

    def found() -> dict[str, Message]:
        every = mailbox.messages(min(since.values()))
        return {
            owner: mail
            for owner, kind in kinds.items()
            for mail in every
            if kind in mail.source and f"{OWNERS[owner].team}@sandbox.test" in mail.recipients
        }

    whole = len(kinds)
    return eventually("a mail of every error", found, lambda mails: len(mails) == whole, timeout=PATIENCE_SECONDS)
