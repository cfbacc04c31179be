"""The common test card numbers, and the network's response to each."""

from __future__ import annotations

__all__ = ["DECLINES", "decline_reason"]

# Any other number that passes the Luhn check is approved, for example 4242 4242 4242 4242.
DECLINES = {
    "4000000000000002": "generic_decline",
    "4000000000009995": "insufficient_funds",
    "4000000000009987": "lost_card",
    "4000000000009979": "stolen_card",
    "4000000000000069": "expired_card",
    "4000000000000127": "incorrect_cvc",
    "4000000000000119": "processing_error",
    "4000000000006975": "card_velocity_exceeded",
}


def decline_reason(number: str) -> str | None:
    """Return the reason why the card is declined, or None if it is approved."""
    return DECLINES.get(number)
