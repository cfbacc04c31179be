"""The two routes that receive reports of browsers: errors for the tracker, spans for the collector. Public, so bounded.

The response only tells a browser whether to slow down. `browser_*` metrics count each report by outcome.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from urllib.parse import urlsplit

from fastapi import Request, Response

from gateway import signals
from gateway.access import address_of
from gateway.outbox import Parcel
from gateway.reports import Rejected, rebuild_spans, unpack_envelope
from gateway.service import Service
from kit.problems import Problem

__all__ = ["errors", "spans"]

UNKNOWN = "unknown"
_BODY_SECONDS = 5.0


async def errors(request: Request) -> Response:
    """Accept one Sentry envelope with an event of our frontend, or a transaction if SENTRY_TRACES_SAMPLE_RATE is set.

    Raises Problem 400, 413, 429 or 503.
    """
    service: Service = request.app.state.service
    count = signals.BROWSER_ERROR_EVENTS.labels
    body = await _body(request, service, lambda outcome: count(UNKNOWN, outcome).inc())
    try:
        envelope = unpack_envelope(body, transactions=service.settings.sentry_traces_sample_rate > 0)
        app = next(app for app, dsn in service.settings.dsns.items() if dsn == envelope.dsn)
    except (Rejected, StopIteration) as error:
        count(UNKNOWN, "invalid").inc()
        raise Problem(400, "not-an-event", "This is no error event of a frontend of ours.") from error
    target = urlsplit(envelope.dsn)
    server = target._replace(netloc=target.netloc.rpartition("@")[2], path=f"/api{target.path}/envelope/")
    headers = {
        "Content-Type": "application/x-sentry-envelope",
        "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_client=sandbox-gateway/1, sentry_key={target.username}",
    }
    is_error = envelope.kind == "event"
    done = partial(_count_errors, app) if is_error else partial(_count_spans, {app: envelope.spans})
    return _accepted(service.errors.put(Parcel(server.geturl(), headers, envelope.pack(), done)))


async def spans(request: Request) -> Response:
    """Accept one OTLP/JSON request with spans of our frontend. Raises Problem 400, 413, 429 or 503."""
    service: Service = request.app.state.service
    count = signals.BROWSER_SPANS.labels
    body = await _body(request, service, lambda outcome: count(UNKNOWN, outcome).inc())
    try:
        environment = service.settings.deployment_environment.value
        document, counts = rebuild_spans(json.loads(body), service.settings.apps, environment)
    except (ValueError, AttributeError, RecursionError) as error:
        count(UNKNOWN, "invalid").inc()
        raise Problem(400, "not-spans", "These are no spans of a frontend of ours.") from error
    content = json.dumps(document, separators=(",", ":")).encode()
    headers, done = {"Content-Type": "application/json"}, partial(_count_spans, counts)
    return _accepted(service.spans.put(Parcel(service.settings.spans_url, headers, content, done)))


async def _body(request: Request, service: Service, tell) -> bytes:
    if not await service.limiter.has_room_for_browser(address_of(request)):
        tell("limited")
        raise Problem(429, "rate-limited", "Too many reports. Slow down.", headers={"Retry-After": "10"})
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return await request.body()
    except TimeoutError:
        raise Problem(408, "body-too-slow", headers={"Connection": "close"}) from None
    except Problem:
        tell("too_large")
        raise


def _accepted(there_is_room: bool) -> Response:
    if not there_is_room:
        raise Problem(503, "full", "Too much is waiting already.", headers={"Retry-After": "10"})
    return Response(status_code=202)


def _count_errors(app: str, outcome: str) -> None:
    signals.BROWSER_ERROR_EVENTS.labels(app, outcome).inc()


def _count_spans(counts: dict[str, int], outcome: str) -> None:
    for app, number in counts.items():
        signals.BROWSER_SPANS.labels(app, outcome).inc(number)
