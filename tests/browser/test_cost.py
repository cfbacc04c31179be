"""What the telemetry of the browser costs the page, and how soon an error can be read."""

import gzip
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route

from sandbox.model.catalog import catalog, frontends
from sandbox.model.stack import Stack
from sandbox.traffic.browser import Visitor
from sandbox.traffic.customer import Customer
from sandbox_testing import Bugsink, eventually
from tests.support.figures import Figures

# Bytes as they travel, compressed. Before a page is usable: catching errors, recording spans, the logger. Afterwards,
# when the browser is idle: Sentry's SDK and OpenTelemetry's.
AT_ONCE_AT_MOST, LATER_AT_MOST = 6_000, 50_000
LOADS = int(os.environ.get("PAGE_LOADS", "3"))
ERRORS = 5
# Chunks of the platform by what is in them; the build names a chunk after its module.
AT_ONCE, LATER = ("errors", "policy"), ("sentry", "export")


def test_telemetry_adds_little_to_the_page_and_most_of_it_when_the_page_is_usable(
    visit: Callable, figures: Figures
) -> None:
    """Without this the page of a customer on a phone waits for what only we want."""
    sizes: dict[str, int] = {}
    usable: dict[bool, list[float]] = {True: [], False: []}
    for number in range(LOADS):
        # In turn one and the other first: what was measured first is always the colder one.
        for telemetry in (number % 2 == 0, number % 2 == 1):
            with visit() as visitor:
                # Both come by the same way, which takes time itself.
                visitor.page.route(f"{visitor.address}/", _as_it_is if telemetry else _without_telemetry)
                if telemetry:
                    visitor.page.on("response", lambda answer: sizes.update(_size(answer)))
                visitor.open()
                usable[telemetry].append(_usable_after(visitor.page))
                if telemetry:
                    visitor.until("the libraries that come later", lambda: set(LATER) <= sizes.keys())
                else:
                    visitor.page.wait_for_load_state("networkidle")
                    assert not [r for r in visitor.requests if "/sentry-" in r.url or "/export-" in r.url]
    at_once, later = (sum(sizes[name] for name in names) for names in (AT_ONCE, LATER))
    figures.add("page: bytes without telemetry", "B", [sum(sizes.values()) - at_once - later])
    figures.add("page: bytes of telemetry before it is usable", "B", [at_once])
    figures.add("page: bytes of telemetry afterwards", "B", [later])
    figures.add("page: usable after, with telemetry", "ms", usable[True])
    figures.add("page: usable after, without telemetry", "ms", usable[False])
    pairs = [having - bare for having, bare in zip(usable[True], usable[False], strict=True)]
    figures.add("page: usable later because of telemetry", "ms", pairs)
    assert at_once <= AT_ONCE_AT_MOST
    assert later <= LATER_AT_MOST


def test_error_can_be_read_soon_after_it_was_thrown(
    visitor: Visitor, stack: Stack, bugsink: Bugsink, figures: Figures
) -> None:
    """Without this whoever is on call reads about the outage before last."""
    browser, backend = [], []
    visitor.open("break")
    with Customer(stack.url("gateway")) as person:
        for _ in range(ERRORS):
            began = time.time()
            trace_id = visitor.break_by("throw frontend-payments")
            browser.append(_readable(bugsink, frontends()["frontend-payments"].errors, trace_id, began))
            began = time.time()
            trace_id = person.send("POST", "/api/debug/payments/error").trace_id
            backend.append(_readable(bugsink, catalog()["payments"].errors or 0, trace_id, began))
    figures.add("error to readable: browser", "s", browser)
    figures.add("error to readable: service", "s", backend)


def _as_it_is(route: Route) -> None:
    route.fulfill(response=route.fetch())


def _without_telemetry(route: Route) -> None:
    """The page as it would be without a tracker and with no trace sampled; its policy knows no hash of this part."""
    answer = route.fetch()
    text = answer.text()
    told = re.search(r'id="config">(.*?)</script>', text)[1]
    config = json.loads(told)
    for app in config["apps"].values():
        app["dsn"] = None
    config |= {"traceparent": None, "sampling": {"errors": 0, "traces": 0, "sentryTraces": 0}}
    route.fulfill(response=answer, body=text.replace(told, json.dumps(config)))


def _usable_after(page: Page) -> float:
    """Milliseconds from navigation to the mark that the shell sets when the view is drawn."""
    return page.evaluate("performance.getEntriesByName('interactive')[0].startTime")


def _size(answer) -> dict[str, int]:
    path = PurePosixPath(urlsplit(answer.url).path)
    if "/assets/" not in str(path):
        return {}
    name = path.name.rpartition("-")[0] if path.suffix == ".js" else path.name
    # Two files are called main: the shell's and a micro-frontend's.
    unique = name if "frontend-shell" in str(path) else f"{path.parts[2]}/{name}"
    return {unique: len(gzip.compress(answer.body()))}


def _readable(bugsink: Bugsink, project: int, trace_id: str, began: float) -> float:
    """Seconds until the tracker's API shows the error with its stack."""
    eventually(
        f"the error of {trace_id}",
        lambda: [e for e in bugsink.events(project, began - 5) if e.trace_id == trace_id and e.stack],
        timeout=60.0,
        interval=0.05,
    )
    return time.time() - began
