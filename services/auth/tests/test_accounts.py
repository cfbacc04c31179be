"""Registration, login and lock-out."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from auth.tests.conftest import ENVIRONMENT, FAILURES, LOCKED_SECONDS, PASSWORD, Customer, new_address, register
from testing.process import Running, running_service, until


def test_customer_who_registered_can_log_in_and_see_themselves(api: httpx.Client) -> None:
    customer = register(api)
    answer = customer.log_in()
    assert answer.headers["Cache-Control"] == "no-store"
    assert customer.tokens["token_type"] == "Bearer"
    assert customer.tokens["expires_in"] == 600
    me = api.get("/me", headers=customer.bearer).json()
    assert (me["email"], me["name"]) == (customer.email, "Ada Lovelace")


def test_address_in_capitals_is_the_same_account(api: httpx.Client) -> None:
    customer = register(api)
    again = {"email": customer.email.upper(), "password": PASSWORD, "name": "Ada"}
    answer = api.post("/register", json=again)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:problem:email-taken")
    assert api.post("/login", json={"email": customer.email.title(), "password": PASSWORD}).status_code == 200


def test_two_registrations_at_once_make_one_account(api: httpx.Client) -> None:
    wanted = {"email": new_address(), "password": PASSWORD, "name": "Ada"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.post("/register", json=wanted).status_code, range(8)))
    assert sorted(answers) == [201] + [409] * 7


def test_password_typed_in_another_unicode_form_is_the_same(api: httpx.Client) -> None:
    email = new_address()
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
    api.post("/register", json={"email": email, "password": composed, "name": "Ada"})
    assert api.post("/login", json={"email": email, "password": decomposed}).status_code == 200


def test_wrong_password_and_unknown_address_get_the_same_answer(api: httpx.Client) -> None:
    known = register(api).log_in("wrong").json()
    unknown = Customer(api, new_address()).log_in("wrong").json()
    del known["trace_id"], unknown["trace_id"]
    assert known == unknown
    assert known["status"] == 401


def test_unknown_address_takes_as_long_as_wrong_password(database_url: str) -> None:
    real_strength = {"LOCKOUT_FAILURES": "1000", "DATABASE_URL": database_url}
    with running_service("auth", real_strength) as service, httpx.Client(base_url=service.url) as api:
        known, unknown = register(api), Customer(api, new_address())
        times: dict[str, list[float]] = {known.email: [], unknown.email: []}
        for somebody in [known, unknown] * 12:
            started = time.perf_counter()
            assert somebody.log_in("wrong").status_code == 401
            times[somebody.email].append(time.perf_counter() - started)
    ratio = statistics.median(times[known.email]) / statistics.median(times[unknown.email])
    assert 0.6 < ratio < 1.7, "the time of a failed login tells whether the account exists"


@pytest.mark.parametrize("exists", [True, False], ids=["with-account", "without-account"])
def test_repeated_failures_lock_an_address_out_for_a_while(api: httpx.Client, auth: Running, exists: bool) -> None:
    somebody = register(api) if exists else Customer(api, new_address())
    before = auth.sample("lockouts_total")
    assert [somebody.log_in("wrong").status_code for _ in range(FAILURES)] == [401] * FAILURES
    refused = somebody.log_in()
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:problem:locked-out")
    assert 1 <= int(refused.headers["Retry-After"]) <= LOCKED_SECONDS
    assert auth.sample("lockouts_total") == before + 1
    assert "account.locked" in auth.events()
    expected = 200 if exists else 401
    until(lambda: somebody.log_in().status_code == expected, "the lock-out is over", within=LOCKED_SECONDS + 5)


def test_success_forgives_the_failures_before_it(api: httpx.Client) -> None:
    customer = register(api)
    for _ in range(3):
        assert [customer.log_in("wrong").status_code for _ in range(FAILURES - 1)] == [401] * (FAILURES - 1)
        assert customer.log_in().status_code == 200


def test_each_login_is_counted_by_its_outcome(api: httpx.Client, auth: Running) -> None:
    customer = register(api)
    before = {outcome: auth.sample("logins_total", outcome=outcome) for outcome in ("succeeded", "failed")}
    customer.log_in()
    customer.log_in("wrong")
    customer.log_in("wrong")
    assert auth.sample("logins_total", outcome="succeeded") == before["succeeded"] + 1
    assert auth.sample("logins_total", outcome="failed") == before["failed"] + 2


def test_stronger_parameters_replace_a_hash_at_the_next_login(api: httpx.Client, database_url: str) -> None:
    customer = register(api)
    stronger = ENVIRONMENT | {"PASSWORD_HASH_ROUNDS": "2", "DATABASE_URL": database_url}
    with running_service("auth", stronger) as service, httpx.Client(base_url=service.url) as other:
        assert Customer(other, customer.email).log_in().status_code == 200
    assert customer.log_in().status_code == 200


def test_neither_address_nor_password_nor_name_is_logged(api: httpx.Client, auth: Running) -> None:
    customer = register(api)
    customer.log_in()
    customer.log_in("wrong password of mine")
    api.get("/me", headers=customer.bearer)
    text = auth.logs.read_text()
    for secret in (customer.email, PASSWORD, "wrong password of mine", "Lovelace", customer.tokens["access_token"]):
        assert secret not in text
