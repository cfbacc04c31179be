"""The ASGI application."""

from __future__ import annotations

from typing import Literal

from fastapi import FastAPI, Request, Response

from gateway import browser, frontend
from gateway.api import DEBUG, ROUTES
from gateway.document import describe
from gateway.forward import endpoint, relay
from gateway.service import lifespan
from gateway.settings import settings
from gateway.welcome import welcome
from kit.deadline import Deadline
from telemetry import create_app

__all__ = ["app"]


async def fail(request: Request, service: Literal["gateway", "auth", "payments"]) -> Response:
    """Raise an exception that nobody handles, in the service named. Not in production."""
    if service == "gateway":
        raise RuntimeError("deliberate failure of the debug endpoint")
    parts = request.app.state.service
    return relay(await parts.upstreams[service].send("POST", "/debug/error", Deadline(parts.settings.request_seconds)))


def build() -> FastAPI:
    """The application with every public route."""
    application = create_app("gateway", lifespan=lifespan, openapi_url=None)
    for route in ROUTES:
        application.add_api_route(route.path, endpoint(route), methods=[route.method], response_model=None)
    if not settings().is_prod:
        application.add_api_route(DEBUG, fail, methods=["POST"], response_model=None)
        application.add_api_route("/debug/error", fail_here, methods=["POST"])
    application.add_api_route("/openapi.json", describe)
    application.add_api_route("/", frontend.page, response_model=None)
    application.add_api_route("/welcome", welcome, response_model=None)
    application.add_api_route("/telemetry/errors", browser.errors, methods=["POST"], response_model=None)
    application.add_api_route("/telemetry/traces", browser.spans, methods=["POST"], response_model=None)
    if folder := settings().assets_directory:
        application.mount(frontend.ASSETS, frontend.files(folder))
    return application


async def fail_here() -> None:
    """Raise an exception that nobody handles, here."""
    raise RuntimeError("deliberate failure of the debug endpoint")


app = build()
