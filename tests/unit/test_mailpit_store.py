"""Mails are read from a moment on, however many there were before."""

from datetime import UTC, datetime

import httpx

from sandbox_testing import Mailpit
from sandbox_testing.stores.mailpit import PAGE

MAILS = 3 * PAGE
"""One a second, the newest first; of those that are older than the moment asked for none can be opened any more."""
SINCE = float(MAILS - PAGE - 5)


def _row(second: int) -> dict:
    created = datetime.fromtimestamp(second, UTC).isoformat()
    return {"ID": str(second), "Subject": "s", "To": [{"Address": "a@sandbox.test"}], "Created": created}


def _answer(request: httpx.Request) -> httpx.Response:
    *_, number, last = request.url.path.split("/")
    if last == "raw":
        return httpx.Response(200 if int(number) >= SINCE else 404, text="a mail")
    start = int(request.url.params["start"])
    rows = [_row(second) for second in range(MAILS - 1, -1, -1)]
    return httpx.Response(200, json={"messages": rows[start : start + PAGE]})


def test_mails_before_the_moment_asked_for_are_not_opened() -> None:
    store = Mailpit("http://mailpit.test")
    store.close()
    store.client = httpx.Client(base_url="http://mailpit.test", transport=httpx.MockTransport(_answer))
    found = store.messages(SINCE)
    store.close()
    assert [one.received_at for one in found] == [float(MAILS - 1 - place) for place in range(PAGE + 5)]
