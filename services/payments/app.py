"""The ASGI application."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request, Response

from kit.database import DatabaseUnavailable
from kit.deadline import DeadlineExceeded
from kit.problems import problem_response
from kit.service import create_app
from payments import signals
from payments.routes import debug, router
from payments.service import lifespan
from payments.settings import settings

__all__ = ["app", "build"]

log = logging.getLogger(__name__)


async def _on_database_unavailable(request: Request, error: Exception) -> Response:
    log.error(signals.DATABASE_UNAVAILABLE, extra={"error_type": type(error.__cause__).__name__})
    detail = "The ledger is not available at present. Send the same request again, with the same Idempotency-Key."
    return problem_response(request, 503, kind="database-unavailable", detail=detail, headers={"Retry-After": "2"})


async def _on_deadline(request: Request, _: Exception) -> Response:
    detail = "The time that the caller granted is over. Nothing was changed."
    return problem_response(request, 504, kind="deadline-exceeded", detail=detail)


def build() -> FastAPI:
    """Return the application with all routes and middleware; its components are created at startup."""

    async def ready() -> None:
        await application.state.service.database.ping()

    application = create_app("payments", lifespan=lifespan, ready=ready, docs_url=None, redoc_url=None)
    application.add_exception_handler(DatabaseUnavailable, _on_database_unavailable)
    application.add_exception_handler(DeadlineExceeded, _on_deadline)
    application.include_router(router)
    if not settings().is_prod:
        application.include_router(debug)
    return application


app = build()
