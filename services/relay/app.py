"""The webhook, and the delivery behind it. The tracker calls once and does not retry, so the relay retries."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from relay import signals
from relay.alerts import Unusable, alert_of
from relay.settings import Settings

__all__ = ["Relay", "app", "create"]

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 5.0
# If Alertmanager is unavailable longer than this, alerts on metrics are lost, too.
_PATIENCE_SECONDS = 600.0
_WAITING_AT_MOST = 500
_BODY_BYTES = 64 * 1024


class Relay:
    """`run()` delivers alerts, oldest first, until it is cancelled."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings, self._transport = settings, transport
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_WAITING_AT_MOST)
        signals.BUILD_INFO.labels("relay", settings.service_version, settings.deployment_environment.value).set(1)

    def take(self, issue: dict[str, Any]) -> None:
        """Queue the alert of an issue. Raises Unusable, and asyncio.QueueFull after a long outage."""
        lasts = timedelta(minutes=self._settings.alert_minutes)
        alert = alert_of(issue, datetime.now(UTC), lasts, self._settings.runbooks_url)
        if alert is not None:
            self._waiting.put_nowait(alert)

    async def run(self) -> None:
        async with httpx.AsyncClient(
            base_url=self._settings.alertmanager_url,
            timeout=_TIMEOUT_SECONDS,
            transport=self._transport,
            trust_env=False,
        ) as client:
            while True:
                alert = await self._waiting.get()
                outcome = await self._deliver(client, alert)
                signals.ALERTS.labels(alert["labels"]["alertname"], outcome).inc()

    async def _deliver(self, client: httpx.AsyncClient, alert: dict[str, Any]) -> str:
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(httpx.HTTPError),
            wait=wait_exponential(multiplier=0.2, max=5),
            stop=stop_after_delay(_PATIENCE_SECONDS),
            reraise=True,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    answer = await client.post("/api/v2/alerts", json=[alert])
                    if answer.status_code >= 500:
                        answer.raise_for_status()
        except httpx.HTTPError as error:
            log.error(signals.ALERT_LOST, extra=_fields(alert) | {"error_type": type(error).__name__})
            return "lost"
        if answer.is_success:
            return "delivered"
        log.error(signals.ALERT_REFUSED, extra=_fields(alert) | {"http_response_status_code": answer.status_code})
        return "refused"


def _fields(alert: dict[str, Any]) -> dict[str, Any]:
    return {"alert": alert["labels"]["alertname"], "issue": alert["labels"]["issue"]}


def create(relay: Relay) -> Starlette:
    """Return the application; it delivers as long as it runs."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(relay.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def webhook(request: Request) -> Response:
        body = await request.body()
        try:
            if len(body) > _BODY_BYTES:
                raise Unusable("the body is too large")
            issue = json.loads(body)
            if not isinstance(issue, dict):
                raise Unusable("the body is no JSON object")
            relay.take(issue)
        except ValueError as error:
            detail = str(error) if isinstance(error, Unusable) else "the body is no JSON"
            return _problem(422, f"This is not what the error tracker sends: {detail}.")
        except asyncio.QueueFull:
            return _problem(503, "Too many alerts wait for Alertmanager already.")
        return Response(status_code=202)

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(signals.REGISTRY), headers={"content-type": content_type})

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/livez", _alive),
            Route("/readyz", _alive),
            Route("/metrics", metrics),
            Route("/bugsink", webhook, methods=["POST"]),
        ],
    )


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "ready"})


def _problem(status: int, detail: str) -> Response:
    body = {"type": "about:blank", "title": "Not done", "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


def app() -> Starlette:
    """Create the application for uvicorn, from the environment. pydantic.ValidationError names an invalid variable."""
    return create(Relay(Settings()))
