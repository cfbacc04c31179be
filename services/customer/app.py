"""The customer's HTTP interface: its state, and an endpoint that pauses it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from customer.rounds import Rounds
from customer.settings import Settings
from customer.signals import REGISTRY

__all__ = ["app", "create"]


def create(rounds: Rounds) -> Starlette:
    """Return the application; journeys run as long as it does."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(rounds.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def control(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"paused": rounds.paused})
        try:
            wanted = (await request.json())["paused"]
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
            wanted = None
        if not isinstance(wanted, bool):
            return _problem(422, 'Send {"paused": true} or {"paused": false}.')
        if not await rounds.pause(wanted) and wanted:
            return _problem(503, "Paused, but a journey is still under way.")
        return JSONResponse({"paused": rounds.paused})

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/livez", _alive),
            Route("/readyz", _alive),
            Route("/metrics", _metrics),
            Route("/control", control, methods=["GET", "PUT", "POST"]),
        ],
    )


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "ready"})


async def _metrics(request: Request) -> Response:
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), headers={"content-type": content_type})


def _problem(status: int, detail: str) -> Response:
    body = {"type": "about:blank", "title": "Not done", "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


def app() -> Starlette:
    """Create the application for uvicorn, from the environment. pydantic.ValidationError names an invalid variable."""
    return create(Rounds(Settings()))
