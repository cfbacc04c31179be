"""Verify access tokens locally, with the keys that auth publishes, instead of asking auth about each one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from kit.problems import Problem

__all__ = [
    "ALGORITHM",
    "AUDIENCE",
    "ISSUER",
    "Identity",
    "InvalidToken",
    "KeySet",
    "KeysUnavailable",
    "VerifiedTokens",
    "bearer_token",
    "decode",
    "key_name",
]

ALGORITHM = "ES256"
ISSUER = "https://auth.sandbox.test"
AUDIENCE = "observability-sandbox"

# Our tokens have about 400 characters; one that is longer than this limit is rejected without decoding.
_LONGEST_TOKEN = 2048
_REMEMBERED = 2048
_REQUIRED = ["sub", "sid", "iat", "exp", "iss", "aud"]


_EXPLANATIONS = {
    "missing": "Log in, and send the access token as `Authorization: Bearer ...`.",
    "malformed": "The access token cannot be read. Log in again.",
    "expired": "The access token has expired. Refresh it, or log in again.",
    "unknown_key": "The access token is signed with a key that is not ours. Log in again.",
    "bad_signature": "The access token has been altered. Log in again.",
    "wrong_claims": "The access token is not meant for this API. Log in again.",
    "session_ended": "The session has ended. Log in again.",
}


class InvalidToken(Exception):
    """`reason` is one of missing, malformed, expired, unknown_key, bad_signature, wrong_claims, session_ended."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def as_problem(self) -> Problem:
        """Return the 401 that every service responds with."""
        challenge = "Bearer" if self.reason == "missing" else 'Bearer error="invalid_token"'
        headers = {"WWW-Authenticate": challenge}
        return Problem(401, f"token-{self.reason.replace('_', '-')}", _EXPLANATIONS[self.reason], headers=headers)


class KeysUnavailable(Exception):
    """No published keys are known yet, and auth does not respond."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The subject of a valid access token; `expires_at` is in seconds since the epoch."""

    subject: str
    session_id: str
    expires_at: int


def bearer_token(authorization: str | None) -> str:
    """Return the token of an Authorization header. Raises InvalidToken."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    if not authorization or scheme.lower() != "bearer":
        raise InvalidToken("missing")
    token = token.strip()
    if not token or len(token) > _LONGEST_TOKEN or not token.isascii():
        raise InvalidToken("malformed")
    return token


class VerifiedTokens:
    """A cache of verified tokens; a customer sends the same one with each request."""

    def __init__(self) -> None:
        self._identities: dict[str, Identity] = {}

    def recall(self, token: str) -> Identity | None:
        """Return the identity of a cached token, None for any other. Raises InvalidToken if it has expired."""
        identity = self._identities.get(token)
        if identity is not None and identity.expires_at <= time.time():
            raise InvalidToken("expired")
        return identity

    def remember(self, token: str, identity: Identity) -> Identity:
        """Cache the identity of a verified token, and return it."""
        if len(self._identities) >= _REMEMBERED:
            self._identities.clear()
        self._identities[token] = identity
        return identity


class KeySet:
    """Published keys by identifier, fetched with `fetch` (a coroutine that returns a JWKS document).

    An unknown identifier causes a fetch, at most one every `cooldown` seconds: forged tokens must not overload auth.
    """

    def __init__(self, fetch: Callable[[], Awaitable[Mapping[str, Any]]], *, cooldown: float = 5.0) -> None:
        self._fetch = fetch
        self._cooldown = cooldown
        self._keys: dict[str, jwt.PyJWK] = {}
        self._verified = VerifiedTokens()
        self._fetched = float("-inf")
        self._lock = asyncio.Lock()

    async def verify(self, token: str) -> Identity:
        """Return the identity in a token. Raises InvalidToken or KeysUnavailable."""
        if known := self._verified.recall(token):
            return known
        return self._verified.remember(token, decode(token, await self._key(key_name(token))))

    async def refresh(self) -> None:
        """Fetch the keys now. Raises the exceptions of `fetch`, or ValueError if there is no usable key."""
        document = await self._fetch()
        keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(dict(document)).keys if key.key_id}
        if not keys:
            raise ValueError("a key set without usable keys")
        self._keys = keys
        self._verified = VerifiedTokens()

    async def keep_fresh(self, every: float = 300.0, retry: float = 0.5) -> None:
        """Fetch the keys periodically, until cancelled. After a failure, retry and keep the old keys."""
        while True:
            try:
                await self.refresh()
            except Exception:
                # Requests that need a key meanwhile raise KeysUnavailable; here the error can be ignored.
                await asyncio.sleep(retry if not self._keys else every / 10)
            else:
                await asyncio.sleep(every)

    async def _key(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys:
            async with self._lock:
                if kid not in self._keys and time.monotonic() - self._fetched >= self._cooldown:
                    self._fetched = time.monotonic()
                    await self._try_refresh()
        if not self._keys:
            raise KeysUnavailable
        if kid not in self._keys:
            raise InvalidToken("unknown_key")
        return self._keys[kid]

    async def _try_refresh(self) -> None:
        try:
            await self.refresh()
        except Exception as error:
            if not self._keys:
                raise KeysUnavailable from error


def key_name(token: str) -> str:
    """Return the key identifier that the token claims. Raises InvalidToken."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidToken("malformed") from error
    if not isinstance(kid, str):
        raise InvalidToken("malformed")
    return kid


def decode(token: str, key: jwt.PyJWK) -> Identity:
    """Return the identity in a token signed with `key`. Raises InvalidToken."""
    try:
        claims = jwt.decode(
            token, key, algorithms=[ALGORITHM], audience=AUDIENCE, issuer=ISSUER, options={"require": _REQUIRED}
        )
    except jwt.ExpiredSignatureError as error:
        raise InvalidToken("expired") from error
    except jwt.InvalidSignatureError as error:
        raise InvalidToken("bad_signature") from error
    except (jwt.MissingRequiredClaimError, jwt.InvalidAudienceError, jwt.InvalidIssuerError) as error:
        raise InvalidToken("wrong_claims") from error
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidToken("malformed") from error
    subject, session_id = claims["sub"], claims["sid"]
    if not isinstance(subject, str) or not isinstance(session_id, str):
        raise InvalidToken("wrong_claims")
    return Identity(subject, session_id, int(claims["exp"]))
