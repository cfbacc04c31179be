"""The workloads: the same service without and with telemetry, under the same requests."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from sandbox.engines.native.render import Substitutions
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox_testing import direct

__all__ = ["ROOT", "WORKLOADS", "Request", "Workload"]

DISABLED = {"OTEL_SDK_DISABLED": "true"}
NOTHING_SAMPLED = {"OTEL_TRACES_SAMPLER": "always_off"}
# Each adds one part of the telemetry to the one before, so that differences are the costs of the parts.
STEPS = {
    "metrics": {**NOTHING_SAMPLED, "LOG_LEVEL": "ERROR"},
    "everything, no trace sampled": NOTHING_SAMPLED,
    "everything, spans not exported": {"OTEL_TRACES_EXPORTER": "none"},
    "everything": {},
}
Request = Callable[[], bytes]


@dataclass(frozen=True)
class Workload:
    """`parts`: further environment variables of each part; `bare` is without telemetry and comes first.

    Each turn sends `requests` over `connections`. `module` is the program. `prepare` returns the common environment and
    a function that creates the next request.
    """

    module: str
    parts: Mapping[str, Mapping[str, str]]
    status: int
    requests: int
    connections: int
    prepare: Callable[[], tuple[dict[str, str], Request]]

    def arguments(self, part: str) -> list[str]:
        if self.module == "loadtest.nullservice":
            return [self.module, "bare" if part == "bare" else "observed"]
        return [self.module]


def _null() -> tuple[dict[str, str], Request]:
    request = b"GET /null HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
    return {}, lambda: request


def _payment() -> tuple[dict[str, str], Request]:
    """A separate payments service beside the running stack's, on its database, auth and acquirer."""
    topology = read_topology(ROOT)
    ports = {(s.name, port.target): port.published for s in topology.services.values() for port in s.ports}
    change = Substitutions(ports, {}, {})
    settings = topology.services["payments"].environment
    names = ("DATABASE_URL", "AUTH_URL", "ACQUIRER_URL", "FINGERPRINT_KEY")
    environment = {name: change.apply(settings[name]) for name in names}
    token = _token(environment["AUTH_URL"])
    body = (
        b'{"amount": 1999, "currency": "EUR", "description": "Tea", '
        b'"card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}}'
    )

    def request() -> bytes:
        head = (
            f"POST /payments HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Idempotency-Key: {secrets.token_hex(16)}\r\n\r\n"
        )
        return head.encode() + body

    return environment, request


def _token(auth: str) -> str:
    account = {"email": f"bench-{secrets.token_hex(8)}@example.com", "password": secrets.token_urlsafe(18)}
    try:
        direct.post(f"{auth}/register", json={**account, "name": "Bench Example"}, timeout=20).raise_for_status()
        answer = direct.post(f"{auth}/login", json=account, timeout=20).raise_for_status()
    except httpx.HTTPError as error:
        raise SystemExit(f"bench: the payment needs the running stack (make up), but auth said: {error}") from None
    return answer.json()["access_token"]


WORKLOADS = {
    "null": Workload(
        "loadtest.nullservice",
        {
            "bare": {},
            **STEPS,
            "everything, 10 % of traces sampled": {
                "OTEL_TRACES_SAMPLER": "traceidratio",
                "OTEL_TRACES_SAMPLER_ARG": "0.1",
            },
        },
        status=200,
        requests=320,
        connections=16,
        prepare=_null,
    ),
    "payment": Workload(
        "payments",
        {"bare": DISABLED, **STEPS},
        status=201,
        requests=16,
        connections=8,
        prepare=_payment,
    ),
}
