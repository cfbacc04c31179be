"""Deliberate failures: one that can carry values which must not be stored, and the probe of `make doctor`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, StringConstraints

from kit import signals

# A service without a database must not load its library.
if TYPE_CHECKING:
    from kit.database import Database

__all__ = ["PROBE", "DoctorProbe", "Failure", "fail", "probe"]

log = logging.getLogger(__name__)
# Objectives exclude this route (prometheus/slos), whatever its response. It does not exist in production.
PROBE = "/debug/probe"

Value = Annotated[str, StringConstraints(max_length=200)]
# PostgreSQL quotes the value in its error, and the driver quotes that in the text of its exception.
_STATEMENT = "SELECT CAST(CAST(:value AS text) AS integer)"


class Failure(BaseModel):
    """Values of the failure: the text of its exceptions, a breadcrumb, the parameter of a failing statement."""

    text: Value = "deliberate failure of the debug endpoint"
    breadcrumb: Value = ""
    parameter: Value = ""


async def fail(wanted: Failure | None, database: Database | None = None) -> None:
    """Raise an unhandled exception, with a cause if `wanted` sets any value. Not for production."""
    wanted = wanted or Failure()
    if wanted.breadcrumb:
        import sentry_sdk

        sentry_sdk.add_breadcrumb(message=wanted.breadcrumb, data={"value": wanted.breadcrumb})
    if not wanted.model_fields_set:
        raise RuntimeError(wanted.text)
    try:
        await _cause(wanted, database)
    except Exception as error:
        raise RuntimeError(wanted.text) from error


class DoctorProbe(Exception):
    """The error of the doctor's probe; it is reported, never raised. services/relay makes no alert of its issue."""


async def probe() -> None:
    """Report an error and respond normally. Leaves a trace, a log line, a count and an error event to look for."""
    log.error(signals.DOCTOR_PROBED, exc_info=DoctorProbe())


async def _cause(wanted: Failure, database: Database | None) -> None:
    if database is None or not wanted.parameter:
        raise ValueError(wanted.text)
    from sqlalchemy import text

    async with database.read() as connection:
        await connection.execute(text(_STATEMENT), {"value": wanted.parameter})
