"""Programs of the backends by the pin of their image, as the native engine runs them."""

from pathlib import Path

from dotenv import dotenv_values

from sandbox.engines.native import build
from sandbox.model import ROOT

__all__ = ["program"]


def program(pin: str, path: str) -> Path:
    """Return the native program for `path` in the image that .env pins as `pin`. Builds it if necessary."""
    image = dotenv_values(ROOT / ".env")[pin]
    assert image, f".env has no {pin}"
    return build.ensure([image])[image][path]
