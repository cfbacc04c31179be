"""Polling with a deadline and an informative error message."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import tenacity

__all__ = ["NotSeen", "eventually"]

Answer = TypeVar("Answer")
SHOWN_CHARACTERS = 2000
WORTH_ANOTHER_TRY = (AssertionError, httpx.TransportError, httpx.HTTPStatusError)


class NotSeen(AssertionError):
    """The deadline has passed; the message contains what was awaited and the last result."""


def eventually(
    what: str,
    probe: Callable[[], Answer],
    accept: Callable[[Answer], Any] = bool,
    *,
    timeout: float = 20.0,
    interval: float = 0.1,
) -> Answer:
    """Call ``probe`` until ``accept`` returns true for its result, and return that result.

    ``timeout`` and ``interval`` are in seconds. A probe may assert: a failed assertion or a refused request counts as a
    result that was not accepted. Raises ``NotSeen`` at the deadline.
    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_delay(timeout),
        wait=tenacity.wait_fixed(interval),
        retry=tenacity.retry_if_exception_type(WORTH_ANOTHER_TRY)
        | tenacity.retry_if_result(lambda answer: not accept(answer)),
    )
    try:
        return retrying(probe)
    except tenacity.RetryError as gave_up:
        last = gave_up.last_attempt
        tries = f"{last.attempt_number} tries in {timeout:g} s"
        if last.failed:
            cause = last.exception()
            raise NotSeen(f"waited for {what}: {tries}; the last one failed: {_short(cause)}") from cause
        raise NotSeen(f"waited for {what}: {tries}; the last answer was: {_short(last.result())}") from None


def _short(answer: object) -> str:
    text = str(answer) if isinstance(answer, BaseException) else repr(answer)
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return f"{text[:SHOWN_CHARACTERS]} ... ({len(text)} characters in all)"
