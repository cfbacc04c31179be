"""Forwards a request and its response, through an allow-list in both directions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import httpx
from fastapi import Request, Response

from gateway.access import admit
from gateway.api import Route
from gateway.service import Service
from kit.deadline import HEADER, Deadline
from kit.problems import Problem

__all__ = ["endpoint", "relay"]

_REQUEST_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "Accept")
_RESPONSE_HEADERS = (
    "Content-Type",
    "Cache-Control",
    "Retry-After",
    "WWW-Authenticate",
    "Location",
    "Idempotent-Replayed",
)
_JSON = ("application/json", "application/problem+json")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{1,64}")


def endpoint(route: Route) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of a public route."""

    async def answer(request: Request) -> Response:
        service: Service = request.app.state.service
        deadline = Deadline.from_header(request.headers.get(HEADER), service.settings.request_seconds)
        target = _target(route, request)
        await admit(service, request, route.access, deadline)
        content = await _body(request, service.settings.body_seconds) if route.method == "POST" else None
        headers = {name: value for name in _REQUEST_HEADERS if (value := request.headers.get(name)) is not None}
        query = {name: value for name in route.query if (value := request.query_params.get(name)) is not None}
        upstream = service.upstreams[route.service]
        answer = await upstream.send(route.method, target, deadline, headers=headers, params=query, content=content)
        return relay(answer)

    return answer


def relay(answer: httpx.Response) -> Response:
    """Return a service's response as ours. Raises Problem 502 if it is neither empty nor JSON."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if answer.content and kind not in _JSON:
        raise Problem(502, "upstream-nonsense", "A service that this needs gave an answer that makes no sense.")
    headers = {name: value for name in _RESPONSE_HEADERS if (value := answer.headers.get(name)) is not None}
    headers.setdefault("Cache-Control", "no-store")
    return Response(answer.content, answer.status_code, headers)


def _target(route: Route, request: Request) -> str:
    for value in request.path_params.values():
        if not _IDENTIFIER.fullmatch(value):
            raise Problem(404, "not-found", "There is no such thing.")
    return route.target.format_map(request.path_params)


async def _body(request: Request, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            content = await request.body()
    except TimeoutError:
        detail = f"The request body did not arrive within {seconds:g} seconds."
        raise Problem(408, "body-too-slow", detail, headers={"Connection": "close"}) from None
    if content and request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "not-json", "Send the body as `Content-Type: application/json`.")
    return content
