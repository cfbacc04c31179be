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
from kit.failure import PROBE, Failure, fail, probe
from kit.service import create_app

__all__ = ["app"]

# Static files of the frontend, and reports of browsers, which have their own metrics.
UNOBSERVED = ("/assets/", "/telemetry/")


async def fail_in(
    request: Request, service: Literal["gateway", "auth", "payments"], wanted: Failure | None = None
) -> Response:
    """Raise an unhandled exception in the named service. Not in production."""
    if service == "gateway":
        await fail(wanted)
    parts = request.app.state.service
    deadline = Deadline(parts.settings.request_seconds)
    body = {"content": wanted.model_dump_json(), "headers": {"Content-Type": "application/json"}} if wanted else {}
    return relay(await parts.upstreams[service].send("POST", "/debug/error", deadline, **body))


def build() -> FastAPI:
    """Return the application with every public route."""
    application = create_app("gateway", lifespan=lifespan, unobserved=UNOBSERVED, openapi_url=None)
    for route in ROUTES:
        application.add_api_route(route.path, endpoint(route), methods=[route.method], response_model=None)
    if not settings().is_prod:
        application.add_api_route(DEBUG, fail_in, methods=["POST"], response_model=None)
        application.add_api_route("/debug/error", fail_here, methods=["POST"])
        application.add_api_route(PROBE, probe, methods=["POST"], status_code=204)
    application.add_api_route("/openapi.json", describe)
    application.add_api_route("/", frontend.page, response_model=None)
    application.add_api_route("/welcome", welcome, response_model=None)
    application.add_api_route("/telemetry/errors", browser.errors, methods=["POST"], response_model=None)
    application.add_api_route("/telemetry/traces", browser.spans, methods=["POST"], response_model=None)
    if folder := settings().assets_directory:
        application.mount(frontend.ASSETS, frontend.files(folder))
    return application


async def fail_here(wanted: Failure | None = None) -> None:
    """Raise an unhandled exception in the gateway."""
    await fail(wanted)


app = build()
