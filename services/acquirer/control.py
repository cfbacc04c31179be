"""How the network misbehaves at the moment; set at run time by whoever practises an incident."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LONGEST_HANG_SECONDS", "Behaviour", "Control"]

# Nobody waits this long; without a bound, callers that have gone would be remembered for ever.
LONGEST_HANG_SECONDS = 120.0


class Behaviour(BaseModel):
    """PUT replaces all of it: what is left out returns to normal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: int = Field(0, ge=0, le=600_000, description="added after the operation took effect")
    error_rate: float = Field(0.0, ge=0.0, le=1.0, description="share of requests answered 500 without effect")
    outage: bool = Field(False, description="answer every operation 503, without effect")
    hang: bool = Field(False, description="let the operation take effect and never answer")


@dataclass
class Control:
    """The current behaviour, and the requests that wait because of it."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, behaviour: Behaviour) -> None:
        """Change the behaviour and let go of every request that hangs or is being delayed."""
        self.behaviour = behaviour
        self._changed.set()
        self._changed = asyncio.Event()

    def admit(self) -> None:
        """Before an operation: raise the failure that is in force, if one is."""
        if self.behaviour.outage:
            raise HTTPException(503, "the network is down")
        if random.random() < self.behaviour.error_rate:
            raise HTTPException(500, "the network failed")

    async def delay(self) -> None:
        """After an operation: its answer may come late or never, as on a real network."""
        hang = self.behaviour.hang
        seconds = LONGEST_HANG_SECONDS if hang else self.behaviour.latency_ms / 1000
        if seconds == 0:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        if hang:
            raise HTTPException(503, "the network was down")
