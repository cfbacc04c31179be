"""The ASGI application."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response

from auth import signals
from auth.routes import debug, router
from auth.service import lifespan
from auth.settings import settings
from kit.database import DatabaseUnavailable
from kit.problems import problem_response
from kit.service import create_app
from kit.timeout import TimeoutMiddleware

__all__ = ["app"]

log = logging.getLogger(__name__)

# Longer than any caller waits: a request that takes longer is broken.
_LONGEST_REQUEST_SECONDS = 15.0


async def _on_database_unavailable(request: Request, error: Exception) -> Response:
    log.error(signals.DATABASE_UNAVAILABLE, extra={"error_type": type(error.__cause__).__name__})
    detail = "A part that this needs is not available; nothing was changed. Try again."
    return problem_response(request, 503, kind="database-unavailable", detail=detail, headers={"Retry-After": "2"})


def build() -> FastAPI:
    """Return the application with all routes and middleware; its components are created at startup."""

    async def ready() -> None:
        await application.state.service.database.ping()

    application = create_app("auth", lifespan=lifespan, ready=ready, docs_url=None, redoc_url=None)
    application.add_middleware(TimeoutMiddleware, longest=_LONGEST_REQUEST_SECONDS)
    application.add_exception_handler(DatabaseUnavailable, _on_database_unavailable)
    # Routes are added directly: an included router is matched a second time for each request, a third of the cost of an
    # empty one.
    application.router.routes.extend(router.routes)
    if not settings().is_prod:
        application.router.routes.extend(debug.routes)
    return application


app = build()
