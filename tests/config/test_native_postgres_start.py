"""The start script that natively replaces the postgres image's own, with the real PostgreSQL.

It initialises once, keeps the image's contract (variables, init scripts, password over TCP), and survives a first start
that was killed.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.engines.native import build

INIT = 'psql --no-psqlrc -c "CREATE DATABASE $WANTED" && echo "$POSTGRES_USER" >"$PROOF"\n'


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    return build.ensure(["postgres:18"])["postgres:18"]


@pytest.fixture
def environment(tmp_path: Path, programs: dict[str, Path]) -> dict[str, str]:
    scripts = tmp_path / "init"
    scripts.mkdir()
    (scripts / "10-database.sh").write_text(INIT)
    (scripts / "20-table.sql").write_text("CREATE TABLE proof (line text); INSERT INTO proof VALUES ('ran');\n")
    return {
        "PATH": f"{programs['initdb'].parent}:/usr/bin:/bin:/usr/sbin:/sbin",
        "PGDATA": str(tmp_path / "data" / "18"),
        "DOCKER_ENTRYPOINT_INITDB_D": str(scripts),
        "POSTGRES_USER": "owner",
        "POSTGRES_DB": "main",
        "POSTGRES_PASSWORD": "open sesame",
        "WANTED": "extra",
        "PROOF": str(tmp_path / "proof"),
    }


@contextmanager
def server(
    programs: dict[str, Path], environment: dict[str, str], user: str = "owner", database: str = "main"
) -> Iterator[int]:
    """A server on a free port, which is given; it has to be ready within 30 s and to stop when asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", "shared_buffers=16MB"]
    process = subprocess.Popen([programs["docker-entrypoint.sh"], "postgres", *settings], env=environment)
    try:
        ready = [programs["pg_isready"], "-q", "-h", "127.0.0.1", "-p", str(port), "-U", user, "-d", database]
        deadline = time.monotonic() + 30
        while subprocess.run(ready, env=environment).returncode:
            assert process.poll() is None, f"the server ended with {process.returncode}"
            assert time.monotonic() < deadline, "the server was not ready within 30 s"
            time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0


def ask(programs: dict[str, Path], port: int, sql: str, database: str = "main", password: str = "open sesame") -> str:
    where = ["-h", "127.0.0.1", "-p", str(port), "-U", "owner", "-d", database]
    answer = subprocess.run(
        [programs["psql"], "--no-psqlrc", "-At", *where, "-c", sql],
        env={"PATH": os.environ["PATH"], "PGPASSWORD": password}, capture_output=True, text=True,
    )  # fmt: skip
    return answer.stdout.strip() or answer.stderr.strip()


def test_a_first_start_runs_the_init_scripts_once_and_a_second_keeps_the_data(
    programs: dict[str, Path], environment: dict[str, str]
) -> None:
    with server(programs, environment) as port:
        assert ask(programs, port, "SELECT line FROM proof") == "ran"
        assert ask(programs, port, "SELECT current_database()", database="extra") == "extra"
        assert "password authentication failed" in ask(programs, port, "SELECT 1", password="wrong")
        assert ask(programs, port, "SHOW unix_socket_directories; SHOW server_version") == "18.4"
        ask(programs, port, "INSERT INTO proof VALUES ('kept')")
    Path(environment["PROOF"]).unlink()
    with server(programs, environment) as port:
        assert ask(programs, port, "SELECT count(*) FROM proof") == "2"
    assert not Path(environment["PROOF"]).exists()


def test_a_first_start_that_was_killed_begins_anew(programs: dict[str, Path], environment: dict[str, str]) -> None:
    data = Path(environment["PGDATA"])
    unfinished = data.with_name("18.unfinished")
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    with server(programs, environment) as port:
        assert ask(programs, port, "SELECT line FROM proof") == "ran"
    assert not unfinished.exists()


def test_a_failing_init_script_fails_the_start_and_the_next_start_tries_again(
    programs: dict[str, Path], environment: dict[str, str]
) -> None:
    broken = Path(environment["DOCKER_ENTRYPOINT_INITDB_D"]) / "30-broken.sql"
    broken.write_text("SELECT nonsense;\n")
    failed = subprocess.run(
        [programs["docker-entrypoint.sh"], "postgres"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert failed.returncode == 1
    assert "a script of the first start failed" in failed.stderr
    broken.unlink()
    with server(programs, environment) as port:
        assert ask(programs, port, "SELECT line FROM proof") == "ran"


def test_a_missing_password_is_refused_before_anything_is_made(
    programs: dict[str, Path], environment: dict[str, str]
) -> None:
    del environment["POSTGRES_PASSWORD"]
    refused = subprocess.run(
        [programs["docker-entrypoint.sh"], "postgres"], env=environment, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert "POSTGRES_PASSWORD is empty" in refused.stderr


@pytest.mark.parametrize("command", [["psql", "--version"], ["postgres", "--version"]])
def test_a_command_that_serves_nothing_is_simply_run(
    command: list[str], programs: dict[str, Path], environment: dict[str, str]
) -> None:
    entrypoint = programs["docker-entrypoint.sh"]
    answer = subprocess.run([entrypoint, *command], env=environment, capture_output=True, text=True)
    assert "PostgreSQL) 18.4" in answer.stdout
    assert not Path(environment["PGDATA"]).exists()
