"""The card network's HTTP API: operations for payments, and a control endpoint for incident practice."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException

from acquirer.control import Behaviour, Control
from acquirer.network import Authorization, Capture, Network, Outcome, ReferenceReused, Refund
from kit import Problem, configure

__all__ = ["app", "create"]


def create() -> FastAPI:
    """Create an acquirer without stored operations and with normal behaviour."""
    app = FastAPI(title="acquirer", docs_url=None, redoc_url=None)
    app.state.network, app.state.control = network, control = Network(), Control()

    async def perform(request: Authorization | Capture | Refund) -> Outcome:
        control.admit()
        try:
            outcome = network.perform(request)
        except ReferenceReused as error:
            raise Problem(409, "reference-reused", "This reference belongs to another operation.") from error
        await control.delay()
        return outcome

    @app.post("/authorizations")
    async def authorize(request: Authorization) -> Outcome:
        return await perform(request)

    @app.post("/captures")
    async def capture(request: Capture) -> Outcome:
        return await perform(request)

    @app.post("/refunds")
    async def refund(request: Refund) -> Outcome:
        return await perform(request)

    @app.get("/operations/{reference}")
    async def find(reference: str) -> Outcome:
        control.admit()
        outcome = network.find(reference)
        await control.delay()
        if outcome is None:
            raise HTTPException(404, "no such operation")
        return outcome

    @app.get("/control")
    async def behaviour() -> Behaviour:
        return control.behaviour

    @app.put("/control")
    async def behave(wanted: Behaviour) -> Behaviour:
        control.set(wanted)
        return control.behaviour

    return configure(app)


app = create()
