"""A database that is down or slow: a defined response, and no restart needed afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

import asyncpg
import httpx
import pytest

from auth.tests.conftest import ENVIRONMENT, PASSWORD, register
from testing.postgres import Server
from testing.process import Running, free_port, running_service, until

Fragile = tuple[Server, Running, httpx.Client]


@pytest.fixture(scope="module")
def fragile(fragile_postgres: Server) -> Iterator[Fragile]:
    """An auth with its own PostgreSQL, which the test may stop."""
    environment = {**ENVIRONMENT, "DATABASE_URL": fragile_postgres.new_database("auth")}
    with running_service("auth", environment) as auth, httpx.Client(base_url=auth.url, timeout=20) as api:
        yield fragile_postgres, auth, api


@contextmanager
def _locked(url: str, table: str) -> Iterator[None]:
    """Hold a lock that blocks every use of the table."""
    locked, release = Event(), Event()

    async def hold() -> None:
        connection = await asyncpg.connect(url)
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            locked.set()
            await asyncio.to_thread(release.wait)
        await connection.close()

    thread = Thread(target=lambda: asyncio.run(hold()))
    thread.start()
    assert locked.wait(10)
    try:
        yield
    finally:
        release.set()
        thread.join(10)


def test_database_that_is_down_is_said_so_and_found_again(fragile: Fragile) -> None:
    server, auth, api = fragile
    customer = register(api)
    customer.log_in()
    server.stop()
    answers = [
        api.post("/login", json={"email": customer.email, "password": PASSWORD}),
        api.post("/refresh", json={"refresh_token": customer.tokens["refresh_token"]}),
        customer.session(),
        api.get("/me", headers=customer.bearer),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:database-unavailable")
        assert answer.headers["Retry-After"] == "2"
        assert [line["event"] for line in auth.lines_of(answer) if line["level"] == "ERROR"] == ["database.unavailable"]
    assert api.get("/readyz").status_code == 503
    assert api.get("/livez").status_code == 200
    assert api.get("/.well-known/jwks.json").status_code == 200, "reads elsewhere go on without the database"
    until(lambda: "database_up 0.0" in api.get("/metrics").text, "the metric that the database is down")
    server.start()
    until(lambda: api.get("/readyz").status_code == 200, "auth has found its database again")
    until(lambda: "database_up 1.0" in api.get("/metrics").text, "the metric that the database is up")
    assert customer.session().status_code == 200
    assert customer.log_in().status_code == 200


def test_connections_that_a_restart_cut_cost_no_request(fragile: Fragile) -> None:
    server, _, api = fragile
    customer = register(api)
    customer.log_in()
    server.stop()
    server.start()
    assert [customer.session().status_code for _ in range(10)] == [200] * 10


def test_caller_who_stops_waiting_stops_the_work(fragile: Fragile) -> None:
    _, auth, api = fragile
    customer = register(api)
    customer.log_in()
    with _locked(_database_of(fragile), "sessions"):
        started = time.monotonic()
        answer = api.get("/session", headers={**customer.bearer, "X-Deadline-Ms": "300"})
        assert time.monotonic() - started < 2
        assert (answer.status_code, answer.json()["type"]) == (504, "urn:problem:deadline-exceeded")
    assert customer.session().status_code == 200
    assert "http.error" not in auth.events()


def test_statement_that_takes_too_long_is_given_up(fragile: Fragile) -> None:
    _, _, api = fragile
    customer = register(api)
    customer.log_in()
    with _locked(_database_of(fragile), "sessions"):
        answer = customer.session()
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem:database-unavailable")
    assert customer.session().status_code == 200


def test_auth_waits_for_a_database_that_starts_later(fragile: Fragile) -> None:
    server, _, _ = fragile
    server.stop()
    later = Thread(target=lambda: (time.sleep(2), server.start()))
    later.start()
    with running_service("auth", {**ENVIRONMENT, "DATABASE_URL": server.url("postgres")}) as auth:
        later.join()
        assert "database.migrated" in auth.events()


def test_auth_without_any_database_gives_up_and_says_why() -> None:
    nowhere = f"postgresql://auth@127.0.0.1:{free_port()}/auth"
    environment = {**ENVIRONMENT, "DATABASE_URL": nowhere, "DATABASE_WAIT_SECONDS": "1"}
    with pytest.raises(RuntimeError, match=r"database\.unavailable"), running_service("auth", environment):
        pytest.fail("it says that it is ready")


def _database_of(fragile: Fragile) -> str:
    return fragile[1].environment["DATABASE_URL"]
