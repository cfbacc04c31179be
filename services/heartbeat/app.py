"""The webhook for Alertmanager, and the status endpoints."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from heartbeat.mail import deliver
from heartbeat.settings import Settings
from heartbeat.signals import REGISTRY
from heartbeat.switch import Switch

__all__ = ["app"]

ALERT = "Watchdog"


def app() -> Starlette:
    """Create the application for uvicorn, from the environment. pydantic.ValidationError names an invalid variable."""
    settings = Settings()
    switch = Switch(settings, partial(deliver, settings))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(switch.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def watchdog(request: Request) -> Response:
        try:
            alerts = (await request.json())["alerts"]
            firing = any(one["labels"]["alertname"] == ALERT and one["status"] == "firing" for one in alerts)
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
            return _problem('Send what Alertmanager sends to a webhook: {"alerts": [{"status": ..., "labels": ...}]}.')
        if not firing:
            return _problem(f"No firing {ALERT} among the alerts: route only that one here.")
        switch.beat()
        return JSONResponse({"status": "heard"})

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"content-type": content_type})

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/livez", _alive),
            Route("/readyz", _alive),
            Route("/metrics", metrics),
            Route("/watchdog", watchdog, methods=["POST"]),
        ],
    )


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "ready"})


def _problem(detail: str) -> Response:
    body = {"type": "about:blank", "title": "Not a heartbeat", "status": 422, "detail": detail}
    return JSONResponse(body, 422, media_type="application/problem+json")
