"""A service is replaced while customers use it, and put back, with its schema: no request fails, and all can see it."""

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from sandbox.model.errors import StackError
from sandbox.model.stack import Stack
from sandbox.release import commands, record
from sandbox.traffic.customer import Customer
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Prometheus, Tempo
from tests.support.evidence import Evidence
from tests.support.figures import Figures
from tests.support.steady import SteadyLoad

NEXT = "0.1.1"
LOADS = 3


@pytest.fixture(autouse=True)
def put_back(stack: Stack) -> Iterator[None]:
    """Afterwards every service runs again what it ran before the test."""
    before = record.read(stack.root)
    yield
    for service, rows in record.read(stack.root).items():
        for _ in rows[len(before.get(service, [])) :]:
            commands.rollback(stack.root, service, print)


def _versions(prometheus: Prometheus, service: str) -> set[str]:
    return {sample.labels["version"] for sample in prometheus.query(f'build_info{{service="{service}"}}')}


@pytest.mark.engine("release and rollback")
@pytest.mark.parametrize("service", ["payments", "auth"])
def test_releasing_and_rolling_back_under_load_fails_no_request(
    stack: Stack, prometheus: Prometheus, evidence: Evidence, figures: Figures, service: str
) -> None:
    """Without this a release is itself an incident, and nobody dares to roll back."""
    before = commands.running_version(stack.root, service)
    loads = [SteadyLoad(stack.url("gateway"), pause=0.05) for _ in range(LOADS)]
    with loads[0], loads[1], loads[2]:
        loads[0].go_on(1.0)
        began = time.time()
        commands.release(stack.root, service, NEXT, print)
        released = time.time()
        eventually(f"{NEXT} in Prometheus", lambda: NEXT in _versions(prometheus, service), timeout=30.0)
        commands.rollback(stack.root, service, print)
        loads[0].go_on(1.0)
    sent = [one for load in loads for one in load.sent]
    slowest = max(one.exchange.received_at - one.exchange.sent_at for one in sent)
    evidence(requests=len(sent), seconds_to_release=round(released - began, 1), slowest_seconds=round(slowest, 2))
    figures.add(f"release: {service}: requests", "1", [len(sent)])
    figures.add(f"release: {service}: seconds to release", "s", [released - began])
    figures.add(f"release: {service}: longest wait of a request", "s", [slowest])
    failed = [problem for load in loads for problem in load.failures()]
    figures.add(f"release: {service}: requests failed", "1", [len(failed)])
    assert failed == []
    assert len(sent) > 20
    assert commands.running_version(stack.root, service) == before


@pytest.mark.engine("release and rollback")
def test_release_shows_in_every_signal(
    stack: Stack, prometheus: Prometheus, tempo: Tempo, errors_of: Callable, telemetry_of: Callable
) -> None:
    """Without this nobody can say whether what fails began with what changed."""
    commands.release(stack.root, "payments", NEXT, print)

    with Customer(stack.url("gateway")) as person:
        payment = person.arrive().pay()
        error = person.send("POST", "/api/debug/payments/error")
    seen = telemetry_of(payment.trace_id)

    assert {span.resource["service.version"] for span in seen.server_spans("payments")} == {NEXT}
    assert {line.fields["version"] for line in seen.of_service("payments")} == {NEXT}
    assert {event.data["release"] for event in errors_of(error.trace_id)} == {f"payments@{NEXT}"}
    eventually("the version in build_info", lambda: _versions(prometheus, "payments") == {NEXT}, timeout=30.0)


@pytest.mark.engine("release and rollback")
def test_release_that_does_not_start_is_put_back(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this a release that is dead on arrival needs a person to notice."""

    def unhealthy(_root, service: str, version: str) -> str:
        place = made(stack.root, service, version)
        (stack.root / place / service / "app.py").write_text("raise SystemExit(3)\n")
        return place

    made = commands.source.prepare
    monkeypatch.setattr(commands.source, "prepare", unhealthy)

    with pytest.raises(StackError, match="payments"):
        commands.release(stack.root, "payments", "0.1.2", print)

    assert commands.running_version(stack.root, "payments") != "0.1.2"
    with Customer(stack.url("gateway")) as person:
        assert person.arrive().pay().status == 201


@pytest.mark.engine("release and rollback")
def test_release_with_a_migration_goes_back_with_its_schema(stack: Stack, evidence: Evidence) -> None:
    """Without this a release that changed the database has no way back."""

    def pay() -> int:
        return person.pay().status

    def schema() -> str:
        with psycopg.connect(stack.database("payments")) as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]

    with Customer(stack.url("gateway")) as person:
        person.arrive()
        before = schema()
        commands.release(stack.root, "payments", "0.4.0", print)
        broken, migrated = pay(), schema()
        began = time.monotonic()
        commands.rollback(stack.root, "payments", print, schema=before)
        evidence(schema_before=before, schema_released=migrated, seconds_back=round(time.monotonic() - began, 1))
        assert (broken, migrated) == (500, "0002")
        assert (pay(), schema()) == (201, before)
