"""Requests and responses of auth's API."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

__all__ = ["Account", "Credentials", "Login", "Refresh", "Registration", "SessionState", "Tokens"]

# Only an arriving mail proves that an address exists; this pattern rejects what cannot be an address.
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$"
    ),
]


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed")
    return text


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_printable)
]


def _encodable(secret: SecretStr) -> SecretStr:
    # JSON can contain a lone surrogate, which is not valid text.
    secret.get_secret_value().encode()
    return secret


Secret = Annotated[SecretStr, AfterValidator(_encodable)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Credentials(_Input):
    email: Email
    password: Secret = Field(min_length=1, max_length=256)


class Registration(Credentials):
    name: Name
    password: Secret = Field(min_length=8, max_length=256)


class Login(Credentials):
    pass


class Refresh(_Input):
    refresh_token: Secret = Field(min_length=1, max_length=256)


class Account(BaseModel):
    id: uuid.UUID
    email: str
    name: str
    created_at: datetime


class Tokens(BaseModel):
    """`expires_in` is the access token's lifetime in seconds."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int


class SessionState(BaseModel):
    active: bool
    subject: str
    session_id: str
