"""A bookshop in one file."""

import logging
import os

import httpx
import sentry_sdk
from fastapi import FastAPI
from sentry_sdk.integrations.otlp import OTLPIntegration

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("shop")
# Reads SENTRY_DSN; without one it sends nothing. The integration puts OpenTelemetry's trace id on errors.
sentry_sdk.init(integrations=[OTLPIntegration(setup_otlp_traces_exporter=False, setup_propagator=False)])
app = FastAPI()


@app.get("/books/{title}")
async def book(title: str) -> dict:
    """Price and stock of a book."""
    async with httpx.AsyncClient(base_url=os.environ["PRICES_URL"]) as prices:
        offer = (await prices.get(f"/prices/{title}")).raise_for_status().json()
    log.info("%s costs %s", title, offer["price"])
    return {"title": title, **offer}


@app.get("/broken")
async def broken() -> None:
    """An unexpected error."""
    raise RuntimeError("the till is jammed")
