"""Verification of access tokens with published keys."""

from __future__ import annotations

import json
import time
from typing import Any

import anyio
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm

from kit.identity import ALGORITHM, AUDIENCE, ISSUER, InvalidToken, KeySet, KeysUnavailable, bearer_token

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Publisher:
    """Replaces auth's key endpoint: counts requests, and can be down."""

    def __init__(self) -> None:
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.asked = 0
        self.down = False

    def add(self, kid: str) -> None:
        self.keys[kid] = ec.generate_private_key(ec.SECP256R1())

    def token(self, kid: str, **claims: Any) -> str:
        now = int(time.time())
        usual = {"sub": "s", "sid": "i", "iat": now, "exp": now + 60, "iss": ISSUER, "aud": AUDIENCE}
        kept = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(kept, self.keys[kid], ALGORITHM, headers={"kid": kid})

    async def fetch(self) -> dict[str, Any]:
        self.asked += 1
        if self.down:
            raise ConnectionError
        public = [json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": kid} for kid, key in self.keys.items()]
        return {"keys": [jwk | {"alg": ALGORITHM, "use": "sig"} for jwk in public]}


@pytest.fixture
def publisher() -> Publisher:
    publisher = Publisher()
    publisher.add("one")
    return publisher


async def test_valid_token_tells_whom_it_speaks_for(publisher: Publisher) -> None:
    identity = await KeySet(publisher.fetch).verify(publisher.token("one", sub="ada", sid="session"))
    assert (identity.subject, identity.session_id) == ("ada", "session")


async def test_keys_are_fetched_once_for_many_tokens(publisher: Publisher) -> None:
    keys = KeySet(publisher.fetch)
    for number in range(20):
        await keys.verify(publisher.token("one", sub=str(number)))
    assert publisher.asked == 1


async def test_new_key_is_found_without_a_restart(publisher: Publisher) -> None:
    keys = KeySet(publisher.fetch, cooldown=0)
    await keys.verify(publisher.token("one"))
    publisher.add("two")
    await keys.verify(publisher.token("two"))
    assert publisher.asked == 2


async def test_forged_key_names_do_not_hammer_auth(publisher: Publisher) -> None:
    keys = KeySet(publisher.fetch, cooldown=60)
    publisher.add("unpublished")
    forged = publisher.token("unpublished")
    del publisher.keys["unpublished"]
    for _ in range(50):
        with pytest.raises(InvalidToken, match="unknown_key"):
            await keys.verify(forged)
    assert publisher.asked == 1


async def test_outage_of_auth_does_not_refuse_those_whose_key_is_known(publisher: Publisher) -> None:
    keys = KeySet(publisher.fetch, cooldown=0)
    await keys.verify(publisher.token("one", sub="before"))
    publisher.down = True
    assert (await keys.verify(publisher.token("one", sub="after"))).subject == "after"


async def test_without_any_key_it_is_our_fault_and_not_the_tokens(publisher: Publisher) -> None:
    publisher.down = True
    with pytest.raises(KeysUnavailable):
        await KeySet(publisher.fetch).verify(publisher.token("one"))


async def test_token_that_was_valid_once_still_expires(publisher: Publisher) -> None:
    keys = KeySet(publisher.fetch)
    token = publisher.token("one", exp=int(time.time()) + 1)
    await keys.verify(token)
    await anyio.sleep_until(anyio.current_time() + 1.1)
    with pytest.raises(InvalidToken, match="expired"):
        await keys.verify(token)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"iss": "somebody else"}, "wrong_claims"),
        ({"aud": "something else"}, "wrong_claims"),
        ({"sid": None}, "wrong_claims"),
        ({"sub": None}, "wrong_claims"),
        ({"exp": None}, "wrong_claims"),
        ({"sid": 7}, "wrong_claims"),
        ({"sid": ["a"]}, "wrong_claims"),
        ({"exp": "soon"}, "malformed"),
        ({"iat": 99999999999}, "malformed"),
    ],
    ids=str,
)
async def test_token_with_wrong_claims_is_refused(publisher: Publisher, claims: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidToken, match=reason):
        await KeySet(publisher.fetch).verify(publisher.token("one", **claims))


@given(header=st.text(max_size=60) | st.from_regex(r"Bearer [\x20-\x7e]{0,40}", fullmatch=True))
async def test_any_header_is_a_token_or_a_refusal(header: str) -> None:
    publisher = Publisher()
    publisher.add("one")
    with pytest.raises(InvalidToken):
        await KeySet(publisher.fetch).verify(bearer_token(header))
