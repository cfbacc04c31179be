"""Probes, problem details and the body limit, for any FastAPI application."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit import problems

Check = Callable[[], Awaitable[None]]

# A payment has a few hundred bytes; a larger body is a mistake or an attack.
MAX_BODY_BYTES = 64 * 1024


def configure(
    app: FastAPI, *, ready: Check | None = None, trace_id: Callable[[], str | None] = lambda: None
) -> FastAPI:
    """Add problem details, `/livez`, `/readyz` and the body limit to `app`, and return it.

    Each `/readyz` awaits `ready`; if it raises, the response is 503 and names the type of the error.
    """
    problems.install(app, trace_id)
    app.add_middleware(BodyLimit)

    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    async def readyz() -> Response:
        try:
            if ready is not None:
                await ready()
        except Exception as error:
            return JSONResponse({"status": "not ready", "reason": type(error).__name__}, 503)
        return JSONResponse({"status": "ready"})

    app.add_api_route("/livez", livez, include_in_schema=False)
    app.add_api_route("/readyz", readyz, include_in_schema=False)
    return app


class BodyLimit:
    """Rejects a body that is too large: by its Content-Length before reading, otherwise when too much has arrived.

    FastAPI's own `max_body_size` is not used, because it responds with plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared, received = _declared_length(scope), 0

        async def limited() -> Message:
            # Checked where the body is read, after routing, so that telemetry knows the route.
            nonlocal received
            message = await receive() if declared <= MAX_BODY_BYTES else {}
            received += len(message.get("body", b""))
            if max(declared, received) > MAX_BODY_BYTES:
                detail = f"The limit is {MAX_BODY_BYTES} bytes."
                raise problems.Problem(413, "body-too-large", detail)
            return message

        await self.app(scope, limited, send)


def _declared_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
