"""The network's current misbehaviour, set at run time to practise incidents."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["LONGEST_HANG_SECONDS", "Behaviour", "Control"]

# Longer than any caller waits; without a bound, requests of disconnected callers would be kept forever.
LONGEST_HANG_SECONDS = 120.0


class Behaviour(BaseModel):
    """PUT replaces the whole object: omitted members return to normal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: int = Field(0, ge=0, le=600_000, description="added after the operation took effect")
    error_rate: float = Field(0.0, ge=0.0, le=1.0, description="share of requests answered 500 without effect")
    outage: bool = Field(False, description="answer every operation 503, without effect")
    hang: bool = Field(False, description="let the operation take effect and never answer")


@dataclass
class Control:
    """The current behaviour, and the requests that are delayed because of it."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, behaviour: Behaviour) -> None:
        """Change the behaviour and release every request that hangs or is delayed."""
        self.behaviour = behaviour
        self._changed.set()
        self._changed = asyncio.Event()

    def admit(self) -> None:
        """Called before an operation: raise the configured failure, if any."""
        if self.behaviour.outage:
            raise HTTPException(503, "the network is down")
        if random.random() < self.behaviour.error_rate:
            raise HTTPException(500, "the network failed")

    async def delay(self) -> None:
        """Called after an operation: delay the response, or never send it, as on a real network."""
        hang = self.behaviour.hang
        seconds = LONGEST_HANG_SECONDS if hang else self.behaviour.latency_ms / 1000
        if seconds == 0:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
        if hang:
            raise HTTPException(503, "the network was down")
