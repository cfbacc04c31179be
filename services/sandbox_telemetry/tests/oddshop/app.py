"""Routers with prefixes, mounts, streams, WebSockets, background tasks, and failures in all of them."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Request, Response, WebSocket
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse
from opentelemetry import trace
from starlette.routing import Mount, Route

from kit.service import create_app

log = logging.getLogger("somebody.elses")
CANARY = "jane.canary"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    if os.environ.get("ODDSHOP_FAILS") == "start":
        raise RuntimeError(f"no place for {CANARY}")
    yield
    if os.environ.get("ODDSHOP_FAILS") == "stop":
        raise RuntimeError(f"no way out for {CANARY}")


router = APIRouter()
shop = APIRouter()


@router.get("/items/{item}")
async def item(item: str) -> dict[str, str]:
    return {"item": item}


@router.get("/fails/{item}")
async def fails(item: str) -> None:
    raise RuntimeError(item)


async def plain(request: Request) -> Response:
    return PlainTextResponse(request.path_params["name"])


async def _breaking() -> AsyncIterator[bytes]:
    yield b"data: first\n\n"
    raise RuntimeError(CANARY)


@shop.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(_breaking())


@shop.get("/events")
async def server_sent_events() -> StreamingResponse:
    async def ticks() -> AsyncIterator[str]:
        for number in range(3):
            yield f"data: {number}\n\n"

    return StreamingResponse(ticks(), media_type="text/event-stream")


@shop.get("/endless")
async def endless() -> StreamingResponse:
    async def ticks() -> AsyncIterator[str]:
        while True:
            yield "tick\n"
            await asyncio.sleep(0.02)

    return StreamingResponse(ticks())


@shop.get("/hangs")
async def hangs(request: Request) -> None:
    while not await request.is_disconnected():
        await asyncio.sleep(0.02)


@shop.post("/reads")
async def reads(request: Request) -> int:
    return len(await request.body())


@shop.get("/group")
async def group() -> None:
    async def value() -> None:
        raise ValueError(CANARY)

    async def key() -> None:
        try:
            raise ValueError(CANARY)
        except ValueError as error:
            raise KeyError(CANARY) from error

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(value())
        tasks.create_task(key())


@shop.get("/later")
async def later(tasks: BackgroundTasks) -> dict[str, bool]:
    def job() -> None:
        raise LookupError(CANARY)

    tasks.add_task(job)
    return {"accepted": True}


async def never_there() -> None:
    raise RuntimeError(CANARY)


async def fails_behind() -> AsyncIterator[None]:
    yield
    raise RuntimeError(CANARY)


@shop.get("/depends")
async def depends(_: Annotated[None, Depends(never_there)]) -> None: ...


@shop.get("/depends-late")
async def depends_late(_: Annotated[None, Depends(fails_behind)]) -> None: ...


@shop.get("/threads")
def threads() -> None:
    log.error("in a thread of the pool")
    raise RuntimeError(CANARY)


@shop.api_route("/head", methods=["GET", "HEAD"])
async def head() -> str:
    return "much too long for a HEAD"


@shop.get("/unchanged")
async def unchanged() -> Response:
    return Response(status_code=304)


@shop.get("/moved/{item}")
async def moved(item: str) -> Response:
    return RedirectResponse(f"/v1/items/{item}")


@shop.get("/odd")
async def odd() -> None:
    name = "caf\udce9.txt"  # As os.listdir returns a name in Latin-1.
    log.warning(f"file {name}", extra={f"read {name}": name, "reason": name})  # noqa: G004 (a library may do this)
    with trace.get_tracer(name).start_as_current_span(f"read {name}") as span:
        span.add_event(name, {"error.type": name})
        span.set_attribute("peer.service", name)
    log.error(f"no file {name}")  # noqa: G004
    raise type(f"No{name}", (Exception,), {})


@shop.websocket("/ws/{item}")
async def ws(socket: WebSocket, item: str) -> None:
    if item == "refused":
        await socket.close()
        return
    await socket.accept()
    await socket.send_text("hello")
    if item == "broken":
        raise RuntimeError(CANARY)
    await socket.receive_text()


def build(*, user_middleware: bool) -> FastAPI:
    """Create the shop, optionally behind a user's middleware, whose body Starlette runs in a separate task."""
    app = create_app("oddshop", lifespan=lifespan)
    app.include_router(shop)
    outer, sub, observed = APIRouter(), FastAPI(), create_app("oddshop")
    outer.include_router(router, prefix="/inner")
    sub.include_router(router)
    observed.include_router(router)
    app.include_router(router, prefix="/v1")
    app.include_router(router, prefix="/v2")
    app.include_router(outer, prefix="/outer")
    app.mount("/sub", sub)
    app.mount("/zipped", GZipMiddleware(sub))
    app.mount("/tenants/{name}", FastAPI(routes=[Mount("/deep", routes=[Route("/plain/{name}", plain)])]))
    app.mount("/observed", observed)
    if user_middleware:

        @app.middleware("http")
        async def of_a_user(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
            return await call_next(request)

    app.add_middleware(GZipMiddleware, minimum_size=10)
    return app


app = build(user_middleware=False)
