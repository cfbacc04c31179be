"""`create_app` and `serve`: the two calls by which a service gets everything."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client.exposition import choose_encoder

from kit.server import run_server
from kit.web import configure
from telemetry import events, metrics
from telemetry.refusals import report_refusal
from telemetry.runtime import start
from telemetry.tracing import current_trace_id
from telemetry.web import ObservedFastAPI

log = logging.getLogger("telemetry")

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]
_LAG_INTERVAL_SECONDS = 0.5


def create_app(
    service: str,
    *,
    lifespan: Lifespan | None = None,
    ready: Callable[[], Awaitable[None]] | None = None,
    **options: Any,
) -> FastAPI:
    """A FastAPI application for `service` with traces, metrics, logs, error events, probes and problem details.

    `lifespan` runs inside the telemetry's own; `ready` is awaited by `/readyz` and raises while the service is not
    ready. `options` go to FastAPI.
    """
    runtime = start(service)

    @asynccontextmanager
    async def observed_lifespan(app: FastAPI) -> AsyncIterator[Any]:
        lag = asyncio.create_task(_measure_lag())
        try:
            async with lifespan(app) if lifespan else _nothing() as state:
                log.info(events.SERVICE_STARTED)
                yield state
        finally:
            lag.cancel()

    options |= {
        "title": service,
        "version": runtime.settings.service_version,
    }
    if runtime.settings.otel_sdk_disabled:
        app = FastAPI(lifespan=lifespan, **options)
    else:
        app = ObservedFastAPI(runtime.logs.access, lifespan=observed_lifespan, **options)
    configure(app, ready=ready, trace_id=current_trace_id)
    app.add_api_route("/metrics", _expose, include_in_schema=False)
    return app


def serve(app: str, bind: tuple[str, int], *, service: str = "") -> None:
    """Run the application named `package.module:attribute` until SIGTERM; `service` is the package's name by default.

    Logs are set up before the application is imported, so that an error while importing is a JSON line as well.
    Exits 1 when the application did not start.
    """
    own_name = service or app.partition(".")[0]
    runtime = start(own_name)
    # By the name in the code, whatever OTEL_SERVICE_NAME calls this instance of it.
    metrics.expose_only(own_name)
    log.info(events.SERVICE_STARTING, extra={"bind": f"{bind[0]}:{bind[1]}"})
    try:
        started = run_server(app, bind, report_refusal=report_refusal, log_config=None, access_log=False)
    finally:
        log.info(events.SERVICE_STOPPED)
        runtime.end()
    if not started:
        raise SystemExit(1)


async def _expose(request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(metrics.PAGE), headers={"content-type": content_type})


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield


async def _measure_lag() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _LAG_INTERVAL_SECONDS
        await asyncio.sleep(_LAG_INTERVAL_SECONDS)
        metrics.EVENT_LOOP_LAG.observe(max(0.0, loop.time() - due))
