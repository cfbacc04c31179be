"""Two Alertmanagers send one page: both know the alert, and one of them notifies.

Needs two of them: make up ENGINE=kubernetes SIZE=standard
"""

import json
import time

import pytest

from sandbox.engines.kubernetes.chart import NAMESPACE
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.engines.kubernetes.engine import KubernetesEngine
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Mailpit, Message

pytestmark = pytest.mark.engine("an alert to its mail")

STOPPED = "relay"
ON_CALL = "platform-oncall@sandbox.test"
PAGE_SECONDS = 90
# The second one waits 10 s for the first, and each looks at a group every 10 s.
DUPLICATE_SECONDS = 30
ALERTMANAGERS = ("alertmanager-0", "alertmanager-1")


def test_two_alertmanagers_send_one_page(engine: KubernetesEngine, cluster: Cluster, mailbox: Mailpit) -> None:
    """Without this, the person on call gets every page twice, and after the loss of an Alertmanager none."""
    if (
        len(cluster.items("pods", f"--namespace={NAMESPACE}", "--selector=app.kubernetes.io/component=alertmanager"))
        < 2
    ):
        pytest.skip("there is one Alertmanager; make up ENGINE=kubernetes SIZE=standard")
    began = time.time()
    engine.stop(STOPPED)
    try:
        first = eventually("the page", lambda: pages(mailbox, began), timeout=PAGE_SECONDS, interval=0.5)
        assert {name: known(cluster, name) for name in ALERTMANAGERS} == dict.fromkeys(ALERTMANAGERS, True)
        until = time.time() + DUPLICATE_SECONDS
        eventually("a second page to have had its time", lambda: time.time() > until, timeout=2 * DUPLICATE_SECONDS)
        assert [page.subject for page in pages(mailbox, began)] == [first[0].subject]
    finally:
        engine.start(STOPPED, print)


def pages(mailbox: Mailpit, since: float) -> list[Message]:
    """Return the pages about the stopped part."""
    found = mailbox.messages(since)
    return [
        one
        for one in found
        if one.subject.startswith("[PAGE]") and STOPPED in one.subject and ON_CALL in one.recipients
    ]


def known(cluster: Cluster, alertmanager: str) -> bool:
    """Return whether this replica itself has the alert."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{alertmanager}:9093/proxy/api/v2/alerts"
    alerts = json.loads(cluster.kubectl("get", f"--raw={path}"))
    return any(one["labels"]["alertname"] == "TargetDown" and one["labels"]["service"] == STOPPED for one in alerts)
