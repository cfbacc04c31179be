"""Access tokens, refresh tokens and the sessions behind them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from auth.tests.conftest import ENVIRONMENT, Customer, register
from testing.process import Running, running_service, until


def test_refresh_token_is_exchanged_for_the_next_one(customer: Customer) -> None:
    first = customer.tokens["refresh_token"]
    answer = customer.refresh()
    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != first
    customer.tokens = answer.json()
    assert customer.session().json()["active"] is True
    assert customer.refresh().status_code == 200


def test_refresh_token_that_comes_back_ends_its_session(customer: Customer, auth: Running) -> None:
    before = auth.sample("token_reuse_total")
    stolen = customer.tokens["refresh_token"]
    customer.tokens = customer.refresh().json()
    answer = customer.refresh(stolen)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:problem:refresh-refused")
    assert customer.session().status_code == 401, "the thief's session would go on"
    assert customer.refresh().status_code == 401, "the thief could go on refreshing"
    assert auth.sample("token_reuse_total") == before + 1
    assert "token.reused" in auth.events()


def test_one_refresh_token_sent_twice_at_once_works_once(customer: Customer) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: customer.refresh().status_code, range(6)))
    assert sorted(answers) == [200] + [401] * 5
    assert customer.session().status_code == 401


def test_logging_out_ends_the_session_at_once(customer: Customer, api: httpx.Client) -> None:
    assert api.post("/logout", headers=customer.bearer).status_code == 204
    for answer in (customer.session(), api.get("/me", headers=customer.bearer), customer.refresh()):
        assert answer.status_code == 401
    assert api.post("/logout", headers=customer.bearer).status_code == 401


def test_one_session_ends_without_the_others_of_its_customer(customer: Customer, api: httpx.Client) -> None:
    other = Customer(api, customer.email)
    other.log_in()
    api.post("/logout", headers=customer.bearer)
    assert other.session().status_code == 200


@pytest.fixture(scope="module")
def hasty(database_url: str) -> Iterator[httpx.Client]:
    """A second instance of auth on the same database, with short-lived tokens and sessions."""
    short = {"DATABASE_URL": database_url, "ACCESS_TOKEN_SECONDS": "1", "SESSION_SECONDS": "4"}
    with running_service("auth", ENVIRONMENT | short) as service, httpx.Client(base_url=service.url) as client:
        yield client


def test_instances_of_auth_accept_the_tokens_of_one_another(
    customer: Customer, api: httpx.Client, hasty: httpx.Client
) -> None:
    assert hasty.get("/.well-known/jwks.json").json() == api.get("/.well-known/jwks.json").json()
    assert hasty.get("/session", headers=customer.bearer).status_code == 200


def test_access_token_expires_before_its_session_does(hasty: httpx.Client) -> None:
    customer = register(hasty)
    customer.log_in()
    until(lambda: customer.session().status_code == 401, "the access token has expired", within=10)
    assert customer.session().json()["type"] == "urn:problem:token-expired"
    assert customer.refresh().status_code == 200


def test_session_ends_after_its_time_however_often_refreshed(hasty: httpx.Client) -> None:
    customer = register(hasty)
    customer.log_in()

    def over() -> bool:
        answer = customer.refresh()
        customer.tokens = answer.json() if answer.status_code == 200 else customer.tokens
        return answer.status_code == 401

    until(over, "the session is over", within=10)


def _segment(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _forgeries(token: str, jwks: dict) -> dict[str, tuple[str, str]]:
    """Return forged tokens by name, each with the expected problem."""
    header, payload, signature = token.split(".")
    kid = jwt.get_unverified_header(token)["kid"]
    claims = jwt.decode(token, options={"verify_signature": False})
    foreign = ec.generate_private_key(ec.SECP256R1())
    public_as_secret = jwks["keys"][0]["x"]
    altered = _segment({**claims, "sub": "00000000-0000-0000-0000-000000000000"})
    return {
        "payload altered": (f"{header}.{altered}.{signature}", "token-bad-signature"),
        "signed by somebody else": (
            jwt.encode(claims, foreign, "ES256", headers={"kid": kid}),
            "token-bad-signature",
        ),
        "key of somebody else": (jwt.encode(claims, foreign, "ES256", headers={"kid": "other"}), "token-unknown-key"),
        "not signed at all": (f"{_segment({'alg': 'none', 'kid': kid})}.{payload}.", "token-malformed"),
        "public key used as a secret": (
            jwt.encode(claims, public_as_secret, "HS256", headers={"kid": kid}),
            "token-malformed",
        ),
        "cut off": (token[: len(token) // 2], "token-malformed"),
        "without a key's name": (jwt.encode(claims, foreign, "ES256"), "token-malformed"),
        "a key's name that is no text": (
            f"{_segment({'alg': 'ES256', 'kid': {'a': 1}})}.{payload}.{signature}",
            "token-malformed",
        ),
        "punctuation": ("...", "token-malformed"),
        "a novel": ("x" * 5000, "token-malformed"),
    }


def test_forged_tokens_are_refused_each_for_its_reason(customer: Customer, api: httpx.Client, auth: Running) -> None:
    forgeries = _forgeries(customer.tokens["access_token"], api.get("/.well-known/jwks.json").json())
    for name, (token, problem) in forgeries.items():
        answer = api.get("/session", headers={"Authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["type"]) == (401, f"urn:problem:{problem}"), name
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"], name
        assert {line["level"] for line in auth.lines_of(answer)} == {"INFO"}, name


@pytest.mark.parametrize("header", ["", "Basic dXNlcjpwYXNz", "Bearer", "bearer\ttoken"])
def test_missing_token_is_asked_for(api: httpx.Client, header: str) -> None:
    answer = api.get("/session", headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_published_keys_hold_nothing_private(api: httpx.Client) -> None:
    answer = api.get("/.well-known/jwks.json")
    assert "max-age" in answer.headers["Cache-Control"]
    for key in answer.json()["keys"]:
        assert (key["kty"], key["use"], key["alg"]) == ("EC", "sig", "ES256")
        assert "d" not in key


def test_tokens_outlive_a_restart_of_auth(database_url: str) -> None:
    environment = {**ENVIRONMENT, "DATABASE_URL": database_url}
    with running_service("auth", environment) as service, httpx.Client(base_url=service.url) as before:
        customer = register(before)
        customer.log_in()
        assert service.stop() == 0
    with running_service("auth", environment) as service:
        answer = httpx.get(f"{service.url}/session", headers=customer.bearer)
        assert answer.status_code == 200
        assert "database.migrated" not in service.events()
