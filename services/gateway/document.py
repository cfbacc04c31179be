"""The OpenAPI document of the public API, merged from the documents of the services."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse

from gateway.api import ROUTES, Access, Route
from gateway.service import Service
from gateway.upstream import Upstream
from kit.deadline import Deadline
from kit.problems import Problem

__all__ = ["describe", "merge"]

_SECONDS = 3.0
_PROBLEM = {
    "description": "An RFC 9457 problem object; `trace_id` finds the request in every store.",
    "content": {"application/problem+json": {"schema": {"type": "object"}}},
}


async def describe(request: Request) -> JSONResponse:
    """Return the merged document. For a service that is down it has the routes only."""
    service: Service = request.app.state.service
    documents = {name: await _fetch(upstream) for name, upstream in service.upstreams.items()}
    return JSONResponse(merge(documents, service.settings.service_version))


def merge(documents: Mapping[str, Mapping[str, Any]], version: str) -> dict[str, Any]:
    """Merge the services' documents (by service name) into one document of the public routes."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for route in ROUTES:
        document = documents.get(route.service, {})
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, document)
        schemas |= document.get("components", {}).get("schemas", {})
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Observability sandbox", "version": version},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"bearer": bearer}},
    }


def _operation(route: Route, document: Mapping[str, Any]) -> dict[str, Any]:
    known = document.get("paths", {}).get(route.target, {}).get(route.method.lower(), {})
    # FastAPI documents its own 422 format, which ours replaces.
    responses = {status: value for status, value in known.get("responses", {}).items() if status != "422"}
    return {
        **known,
        "operationId": f"{route.method.lower()}{route.path.replace('/', '_')}".replace("{", "").replace("}", ""),
        "summary": route.summary,
        "tags": [route.service],
        "security": [] if route.access is Access.OPEN else [{"bearer": []}],
        "responses": {**responses, "default": _PROBLEM},
    }


async def _fetch(upstream: Upstream) -> dict[str, Any]:
    try:
        answer = await upstream.send("GET", "/openapi.json", Deadline(_SECONDS), expected=True)
        document = json.loads(answer.content) if answer.status_code == 200 else {}
    except (Problem, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
