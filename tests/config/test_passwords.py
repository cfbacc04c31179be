"""A database password that was changed after the first start is named, with the real PostgreSQL and its init script."""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.engines import passwords
from sandbox.engines.native import build
from sandbox.model import ROOT
from sandbox.model.compose import Port, Topology, read_topology
from sandbox.model.errors import StackError
from tests.config.test_native_postgres_start import server

# As first written; a test changes one at a time.
FIRST = {
    "POSTGRES_PASSWORD": "of-the-owner",
    "AUTH_DATABASE_PASSWORD": "of-auth",
    "PAYMENTS_DATABASE_PASSWORD": "of-payments",
}


def topology_of(port: int, environment: dict[str, str]) -> Topology:
    """This checkout's, with the variables given and its database at another port."""
    read = read_topology(ROOT, environment)
    moved = replace(read.services["postgres"], ports=[Port("127.0.0.1", port, 5432, "POSTGRES_PORT")])
    return replace(read, services=read.services | {"postgres": moved})


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a PostgreSQL answers whose data were made with FIRST."""
    programs = build.ensure(["postgres:18"])["postgres:18"]
    scripts = tmp_path_factory.mktemp("scripts")
    shutil.copytree(ROOT / "postgres" / "initdb.d", scripts, dirs_exist_ok=True)
    environment = {
        "PATH": f"{programs['initdb'].parent}:/usr/bin:/bin:/usr/sbin:/sbin",
        "PGDATA": str(tmp_path_factory.mktemp("data") / "18"),
        "DOCKER_ENTRYPOINT_INITDB_D": str(scripts),
        "POSTGRES_USER": "sandbox",
        "POSTGRES_DB": "sandbox",
        **FIRST,
    }
    with server(programs, environment, user="sandbox", database="sandbox") as found:
        yield found


def test_passwords_that_the_data_were_made_with_are_accepted(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a shell exports for psql leads nowhere else.
    for name, value in {"PGHOSTADDR": "192.0.2.1", "PGSSLMODE": "verify-full", "PGUSER": "me", "PGPORT": "1"}.items():
        monkeypatch.setenv(name, value)
    assert passwords.accepted(topology_of(port, FIRST))


@pytest.mark.parametrize("variable", FIRST)
def test_a_changed_password_is_named_with_its_place_and_the_way_out(port: int, variable: str) -> None:
    with pytest.raises(StackError) as caught:
        passwords.accepted(topology_of(port, FIRST | {variable: "another-one"}))

    assert caught.value.problem.startswith(f"PostgreSQL refuses {variable} (the environment): ")
    assert variable in caught.value.next_step
    assert "make clean" in caught.value.next_step
    assert "another-one" not in caught.value.problem + caught.value.next_step


def test_nobody_who_answers_is_no_refusal() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert not passwords.accepted(topology_of(free.getsockname()[1], FIRST))


def test_a_stack_without_a_database_has_no_password_to_refuse(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services: {web: {image: web:1}}")
    topology = read_topology(tmp_path, {})

    assert passwords.accepted(topology)
    assert not passwords.owner_changed(topology)


def test_where_the_owners_password_is_not_that_of_env_it_is_looked_at() -> None:
    assert not passwords.owner_changed(read_topology(ROOT, {}))
    assert passwords.owner_changed(read_topology(ROOT, {"POSTGRES_PASSWORD": "another-one"}))
