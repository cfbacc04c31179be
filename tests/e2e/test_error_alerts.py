"""A new error, and one that came back, are told to the team that owns it."""

import json
import secrets
import time
from collections.abc import Callable

import httpx
import pytest

from sandbox_testing import Bugsink, Message, Trace, eventually
from tests.support.evidence import Evidence
from tests.support.figures import Figures
from tests.support.project import frontends
from tests.support.stack import Stack

WITHIN_SECONDS = 60.0


def report(stack: Stack, app: str, kind: str) -> Trace:
    """An error of a kind of its own, as the browser of somebody who uses `app` sends it."""
    trace = Trace.new()
    project, key = frontends()[app].errors, stack.settings[f"{app.upper().replace('-', '_')}_SENTRY_KEY"]
    event = {
        "event_id": secrets.token_hex(16),
        "timestamp": time.time(),
        "platform": "javascript",
        "level": "error",
        "environment": stack.environment,
        "release": f"{app}@{stack.version(app)}",
        "transaction": "tests: report",
        "exception": {"values": [{"type": kind, "value": "", "stacktrace": {"frames": []}}]},
        "contexts": {"trace": {"trace_id": trace.id, "span_id": trace.span_id}},
        "tags": {"service": app, "team": frontends()[app].team, "trace_id": trace.id},
    }
    header = {"dsn": f"http://{key}@{_tracker(stack)}/{project}"}
    body = "\n".join(json.dumps(part) for part in (header, {"type": "event"}, event))
    httpx.post(f"{stack.url('gateway')}/telemetry/errors", content=body, timeout=10.0).raise_for_status()
    return trace


def _tracker(stack: Stack) -> str:
    """The tracker's host and port as the page tells them to browsers: another on each engine."""
    page = httpx.get(stack.url("gateway"), timeout=10.0).text
    told = json.loads(page.split('id="config">')[1].split("</script>")[0])
    return told["apps"]["frontend-shell"]["dsn"].partition("@")[2].partition("/")[0]


@pytest.mark.parametrize("app", ["frontend-account", "frontend-payments"])
def test_new_error_and_its_return_reach_the_owning_teams_mailbox(
    stack: Stack,
    bugsink: Bugsink,
    wait_for_mail: Callable[..., Message],
    evidence: Evidence,
    figures: Figures,
    app: str,
) -> None:
    """Without this an error waits until somebody happens to look into the tracker."""
    kind, began = f"Fault{secrets.token_hex(4)}", time.time()
    mailbox = f"{frontends()[app].team}@sandbox.test"
    report(stack, app, kind)
    first = wait_for_mail(kind, to=mailbox, since=began, timeout=WITHIN_SECONDS)
    assert "NewErrorIssue" in first.source
    seconds = first.received_at - began
    figures.add("error to mail", "s", [seconds])

    [issue] = [one for one in bugsink.issues(frontends()[app].errors, began - 1) if one["calculated_type"] == kind]
    assert issue["id"] in first.source.replace("=\r\n", "").replace("=\n", ""), "the mail leads to the issue"
    bugsink.resolve(issue["id"])
    again = time.time()
    report(stack, app, kind)

    def regressed() -> bool:
        mail = wait_for_mail(kind, to=mailbox, since=again, timeout=WITHIN_SECONDS)
        return "RegressedErrorIssue" in mail.source

    eventually("the mail of the regression", regressed, timeout=WITHIN_SECONDS)
    evidence(issue=issue["friendly_id"], seconds_to_mail=round(seconds, 1))
