"""The type of a setting that holds the address of another program."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

__all__ = ["Address"]


def _checked(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("set it to an address, such as http://gateway:8000")
    return text.rstrip("/")


Address = Annotated[str, AfterValidator(_checked)]
