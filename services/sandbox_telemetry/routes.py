"""The full template of a request's route: `/v1/items/{item}`, including the prefixes of routers and mounts.

FastAPI stores the route in the scope as its router declared it, so `scope["route"]` lacks every prefix, and two
versions of one router would share one series.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, compile_path
from starlette.types import Scope

from sandbox_telemetry.names import UNMATCHED_ROUTE

_REST = "/{path:path}"


class RouteTemplates:
    """Templates by endpoint. A route that is added while the application runs is found at its first request."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes
        self._known: dict[int, list[tuple[re.Pattern[str], str]]] = {}

    def of(self, scope: Scope, root_path: str) -> str:
        """Return the template for a routed scope; `root_path` is the scope's value before routing."""
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return UNMATCHED_ROUTE
        if id(endpoint) not in self._known:
            self._known = {}
            for target, pattern, template in _templates(self._routes, "", ""):
                self._known.setdefault(id(target), []).append((re.compile(pattern), template))
        candidates = self._known.setdefault(id(endpoint), [])
        if len(candidates) == 1:
            return candidates[0][1]
        path = scope["path"].removeprefix(root_path)
        matching = (template for pattern, template in candidates if pattern.fullmatch(path))
        return next(matching, getattr(scope.get("route"), "path_format", UNMATCHED_ROUTE))


def _templates(routes: Sequence[BaseRoute], before: str, prefix: str) -> Iterator[tuple[Any, str, str]]:
    """Yield endpoint, path pattern and template of each route, in the order in which Starlette matches them."""
    for route in iter_route_contexts(routes):
        path = route.path or ""
        if route.endpoint is not None:
            yield route.endpoint, before + _pattern(path), prefix + (route.path_format or path)
        elif (mounted := getattr(route, "app", None)) is not None:
            below = (before + _pattern(path), prefix + _format(path))
            yield from _templates(_routes_of(mounted), *below)
            yield mounted, before + _pattern(path + _REST), prefix + _format(path) + "/{path}"


def _routes_of(app: Any) -> Sequence[BaseRoute]:
    """Return the routes of a mounted application, also if middleware wraps it; empty if it has none."""
    while not hasattr(app, "routes") and hasattr(app, "app"):
        app = app.app
    return getattr(app, "routes", ())


def _format(path: str) -> str:
    return compile_path(path)[1]


def _pattern(path: str) -> str:
    if not path:
        return ""
    # Without named groups, because a mount and a route below it may use the same name; without ^ and $.
    return re.sub(r"\(\?P<\w+>", "(?:", compile_path(path)[0].pattern)[1:-1]
