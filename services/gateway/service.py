"""The gateway's components, created at startup and closed at shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

from gateway.limits import Limiter
from gateway.outbox import Outbox
from gateway.settings import Settings, settings
from gateway.upstream import Upstream
from kit.deadline import Deadline
from kit.identity import KeySet

__all__ = ["Service", "lifespan"]


@dataclass(frozen=True)
class Service:
    """Components for the routes: `upstreams` by service name; `errors` and `spans` queue the reports of browsers."""

    settings: Settings
    upstreams: dict[str, Upstream]
    keys: KeySet
    limiter: Limiter
    errors: Outbox
    spans: Outbox


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Startup waits for no other service: the gateway is ready as soon as it can respond, even if only with a 502."""
    chosen = settings()
    options = {"connections": chosen.upstream_connections, "retry_seconds": chosen.retry_seconds}
    auth = Upstream("auth", chosen.auth_url, **options)
    payments = Upstream("payments", chosen.payments_url, **options)

    async def fetch_keys() -> Any:
        # Auth may start after the gateway; until then it rejects requests with a token, because it cannot verify them.
        deadline = Deadline(chosen.request_seconds)
        answer = await auth.send("GET", "/.well-known/jwks.json", deadline, expected=True)
        return answer.raise_for_status().json()

    keys = KeySet(fetch_keys)
    limiter = Limiter(
        customer=chosen.rate_limit_customer, address=chosen.rate_limit_address, browser=chosen.rate_limit_browser
    )
    errors, spans = Outbox(), Outbox()
    app.state.service = Service(chosen, {"auth": auth, "payments": payments}, keys, limiter, errors, spans)
    tasks = [asyncio.create_task(work) for work in (keys.keep_fresh(), errors.run(), spans.run())]
    try:
        yield
    finally:
        await asyncio.gather(errors.close(), spans.close())
        for task in tasks:
            task.cancel()
        await auth.close()
        await payments.close()
