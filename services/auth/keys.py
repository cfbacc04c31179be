"""The key pairs that sign access tokens, stored in the database, so that restarts and several instances share them."""

from __future__ import annotations

import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import select, text

from auth.tables import signing_keys
from kit.database import Database
from kit.identity import ALGORITHM, AUDIENCE, ISSUER, Identity, InvalidToken, VerifiedTokens, decode, key_name

__all__ = ["SigningKeys"]

_LOCK = text("SELECT pg_advisory_xact_lock(7312005)")


class SigningKeys:
    """The newest key signs; every key that is not retired is published and accepted."""

    def __init__(self, private: dict[str, ec.EllipticCurvePrivateKey]) -> None:
        """`private` maps identifiers to keys, newest first."""
        self._kid, self._private = next(iter(private.items()))
        self.jwks: dict[str, Any] = {"keys": [_public(kid, key) for kid, key in private.items()]}
        self._verifying = {jwk["kid"]: jwt.PyJWK(jwk) for jwk in self.jwks["keys"]}
        self._verified = VerifiedTokens()

    @classmethod
    async def load(cls, database: Database) -> SigningKeys:
        """Read the keys; the very first instance creates one. Raises DatabaseUnavailable."""
        query = (
            select(signing_keys.c.kid, signing_keys.c.private_pem)
            .where(signing_keys.c.retired_at.is_(None))
            .order_by(signing_keys.c.created_at.desc(), signing_keys.c.kid)
        )
        async with database.transaction() as connection:
            rows = (await connection.execute(query)).all()
            if not rows:
                await connection.execute(_LOCK)
                rows = (await connection.execute(query)).all()
            if not rows:
                rows = [_generate()]
                await connection.execute(signing_keys.insert().values(rows[0]))
        return cls({row[0]: _parse(row[1]) for row in rows})

    def sign(self, subject: str, session_id: str, seconds: int) -> str:
        """Return an access token that is valid for `seconds` from now."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "sid": session_id,
            "iat": now,
            "exp": now + seconds,
        }
        return jwt.encode(claims, self._private, algorithm=ALGORITHM, headers={"kid": self._kid})

    def verify(self, token: str) -> Identity:
        """Return the identity in a token. Raises InvalidToken."""
        if known := self._verified.recall(token):
            return known
        key = self._verifying.get(key_name(token))
        if key is None:
            raise InvalidToken("unknown_key")
        return self._verified.remember(token, decode(token, key))


def _generate() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), pem.decode()


def _parse(pem: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("signing_keys holds a key that is not an elliptic curve key; retire it (set retired_at)")
    return key


def _public(kid: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "use": "sig", "alg": ALGORITHM}
