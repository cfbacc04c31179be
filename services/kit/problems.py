"""Errors as RFC 9457 problem details (application/problem+json)."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

_MEDIA_TYPE = "application/problem+json"


class Problem(HTTPException):
    """An error response, raised anywhere below a route.

    `kind` is the stable machine-readable name (the last part of a URN). `title` and `detail` are for people and must
    not repeat what the client sent. `members` are further members of the problem object, `headers` are HTTP headers.
    """

    def __init__(
        self,
        status: int,
        kind: str = "",
        detail: str | None = None,
        *,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(status, detail or _phrase(status), dict(headers or {}))
        self.kind, self.title, self.members = kind, title, members
        self.explanation = detail


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem_response(
    request: Request,
    status: int,
    *,
    kind: str = "",
    title: str | None = None,
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """Return the problem object as a response; `trace_id` is added if the application provides one."""
    body: dict[str, Any] = {
        "type": f"urn:problem:{kind}" if kind else "about:blank",
        "title": title or _phrase(status),
        "status": status,
    }
    if detail:
        body["detail"] = detail
    body |= members
    # An application mounted in ours has no such function.
    if trace_id := getattr(request.app.state, "trace_id", lambda: None)():
        body["trace_id"] = trace_id
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=_MEDIA_TYPE)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    if isinstance(error, Problem):
        return problem_response(
            request,
            error.status_code,
            kind=error.kind,
            title=error.title,
            detail=error.explanation,
            headers=error.headers,
            **error.members,
        )
    assert isinstance(error, HTTPException)
    detail = error.detail if error.detail != _phrase(error.status_code) else None
    return problem_response(request, error.status_code, detail=detail, headers=error.headers)


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    """Return where and what is wrong, never the input: it may contain a card number or a password."""
    assert isinstance(error, RequestValidationError)
    errors = [{"field": ".".join(map(str, e["loc"])), "reason": e["type"]} for e in error.errors()[:20]]
    return problem_response(
        request, 422, kind="invalid-request", detail="The request does not have the required form.", errors=errors
    )


async def _on_unhandled(request: Request, _: Exception) -> Response:
    return problem_response(request, 500, kind="internal", detail="The server failed; the error has been recorded.")


HANDLERS: dict[int | type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _on_http_exception,
    RequestValidationError: _on_invalid_request,
    Exception: _on_unhandled,
}


def install(app: FastAPI, trace_id: Callable[[], str | None] = lambda: None) -> None:
    """Turn every error of `app` into a problem object. `trace_id` returns the current trace's id, or None."""
    app.state.trace_id = trace_id
    for error, handler in HANDLERS.items():
        app.add_exception_handler(error, handler)
