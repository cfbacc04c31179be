"""`create_app`: sets up all telemetry of a service in one call."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client.exposition import choose_encoder

from sandbox_telemetry import events, metrics
from sandbox_telemetry.runtime import start
from sandbox_telemetry.web import ObservedFastAPI

log = logging.getLogger("telemetry")

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]
_LAG_INTERVAL_SECONDS = 0.5


def create_app(
    service: str,
    *,
    lifespan: Lifespan | None = None,
    unobserved: tuple[str, ...] = (),
    event_tags: Callable[[], Mapping[str, str]] = dict,
    **options: Any,
) -> FastAPI:
    """Create a FastAPI application for `service` with traces, metrics at `/metrics`, logs and error events.

    `lifespan` runs inside the telemetry's own lifespan. Paths that begin with one of `unobserved` get no span, log
    line or count. `event_tags` returns further tags for each error event. `options` are passed to FastAPI.
    """
    runtime = start(service, event_tags)

    @asynccontextmanager
    async def observed_lifespan(app: FastAPI) -> AsyncIterator[Any]:
        lag = asyncio.create_task(_measure_lag())
        try:
            async with lifespan(app) if lifespan else nullcontext() as state:
                log.info(events.SERVICE_STARTED)
                yield state
        finally:
            lag.cancel()

    options |= {"title": service, "version": runtime.settings.service_version}
    if runtime.settings.otel_sdk_disabled:
        app = FastAPI(lifespan=lifespan, **options)
    else:
        app = ObservedFastAPI(runtime.logs.access, unobserved, lifespan=observed_lifespan, **options)
    app.add_api_route("/metrics", _expose, include_in_schema=False)
    return app


async def _expose(request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(metrics.PAGE), headers={"content-type": content_type})


async def _measure_lag() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _LAG_INTERVAL_SECONDS
        await asyncio.sleep(_LAG_INTERVAL_SECONDS)
        metrics.EVENT_LOOP_LAG.observe(max(0.0, loop.time() - due))
