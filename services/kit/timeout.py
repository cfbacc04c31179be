"""Cancel requests whose caller has stopped waiting."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.deadline import HEADER, Deadline
from kit.problems import problem_response

__all__ = ["TimeoutMiddleware"]


class TimeoutMiddleware:
    """Cancels a request at its caller's deadline, at most after `longest` seconds: 504 if no response has begun.

    Only for a service whose work can stop at any point: a transaction rolls back, a charged card does not.
    """

    def __init__(self, app: ASGIApp, longest: float) -> None:
        self.app, self.longest = app, longest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        request = Request(scope)
        limit = asyncio.timeout(Deadline.from_header(request.headers.get(HEADER), self.longest).remaining)
        try:
            async with limit:
                await self.app(scope, receive, watched)
        except TimeoutError:
            if started or not limit.expired():
                raise
            detail = "The time that the caller granted is over."
            await problem_response(request, 504, kind="deadline-exceeded", detail=detail)(scope, receive, send)
