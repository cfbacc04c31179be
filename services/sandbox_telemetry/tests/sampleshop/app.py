"""Routes that succeed, decline, fail, hang, log through foreign libraries, and crash."""

import asyncio
import logging
import os
import sys
import threading
import warnings
from typing import Annotated, Any

from fastapi import Body, FastAPI, Header
from pydantic import BaseModel

from kit.problems import Problem
from kit.service import create_app
from sandbox_telemetry import Event, declare

log = logging.getLogger(__name__)

ORDER_PLACED = Event("order.placed", "order placed")
declare(
    log_fields={"amount": "amount in minor units of its currency", "currency": "currency by ISO 4217"},
)


class Order(BaseModel):
    amount: int
    card: dict[str, Any] | None = None


def build() -> FastAPI:
    app = create_app("sampleshop")

    @app.get("/null")
    async def null() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/items/{item}")
    async def item(item: str) -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/orders")
    async def order(order: Order) -> dict[str, int]:
        log.info(ORDER_PLACED, extra={"amount": order.amount, "currency": "EUR", "card": order.card})
        return {"amount": order.amount}

    @app.post("/declined")
    async def declined(order: Order) -> None:
        raise Problem(402, "declined", "The card was declined.")

    @app.post("/broken/{item}")
    async def broken(item: str, payload: Annotated[Any, Body()], user_agent: Annotated[str, Header()] = "") -> None:
        secret = f"{item} {payload} {user_agent}"
        try:
            raise ValueError(f"cannot handle {secret}")
        except ValueError as error:
            raise RuntimeError(f"broken: {secret}") from error

    @app.get("/hangs")
    async def hangs() -> None:
        await asyncio.sleep(30)

    @app.get("/libraries")
    async def libraries(text: str = "") -> None:
        logging.getLogger("sqlalchemy.pool").error("connection of %s lost after %d tries", text, 3)
        logging.getLogger("somebody.elses").warning("contains " + text)  # noqa: G003 (a library may do this)
        failing = threading.Thread(target=lambda: int(text))
        failing.start()
        failing.join()
        task = asyncio.get_running_loop().create_task(_fail(text))
        while not task.done():
            await asyncio.sleep(0)
        del task

    @app.get("/warns")
    async def warns(text: str = "") -> None:
        warnings.warn(f"old style {text}", stacklevel=1)

    @app.post("/debug/exit")
    async def leave() -> None:
        threading.Thread(target=lambda: os._exit(70)).start()

    return app


async def _fail(text: str) -> None:
    raise RuntimeError(text)


if os.environ.get("SAMPLESHOP_FAILS") == "import":
    raise RuntimeError("a secret that must not be written: jane.canary@example.com")

app = build()

if os.environ.get("SAMPLESHOP_FAILS") == "exit":
    sys.exit("no reason")
