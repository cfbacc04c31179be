"""Durations as Compose and Prometheus write them."""

import re

__all__ = ["seconds"]

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}


def seconds(text: str) -> float:
    """Convert `5s`, `1m30s` or `1.5s` to seconds."""
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"([\d.]+)(us|ms|s|m|h)", text))
