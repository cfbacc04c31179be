"""The public OpenAPI document, and that every public route has a handler behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.api import ROUTES, Access, Route
from gateway.document import merge
from gateway.tests.conftest import FakePayments

_SERVICES = Path(__file__).resolve().parents[2]
_SETTINGS = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing",
    "AUTH_URL": "http://127.0.0.1:9",
    "ACQUIRER_URL": "http://127.0.0.1:9",
    "FINGERPRINT_KEY": "for the tests of the gateway alone",
    "OTEL_TRACES_EXPORTER": "none",
    "PATH": os.environ["PATH"],
}


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    """Return the OpenAPI document of each service behind the gateway."""
    return {name: _document(name) for name in ("auth", "payments")}


def _document(name: str) -> dict[str, Any]:
    program = f"import json, {name}.app; print(json.dumps({name}.app.app.openapi()))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=_SERVICES, env=_SETTINGS, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_service_answers_behind_each_public_route(documents: dict[str, dict[str, Any]], route: Route) -> None:
    operations = documents[route.service]["paths"].get(route.target, {})
    assert route.method.lower() in operations
    known = {p["name"] for p in operations[route.method.lower()].get("parameters", []) if p["in"] == "query"}
    assert set(route.query) == known, "the gateway hands on exactly the parameters that the service takes"


def test_document_says_what_each_route_takes_and_who_may(documents: dict[str, dict[str, Any]]) -> None:
    document = merge(documents, "1.2.3")
    assert document["info"]["version"] == "1.2.3"
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert bool(operation["security"]) is (route.access is not Access.OPEN)
    pay = document["paths"]["/api/payments"]["post"]
    reference = pay["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert reference.rpartition("/")[2] in document["components"]["schemas"]
    assert "/session" not in document["paths"]


def test_every_reference_of_the_document_leads_somewhere(documents: dict[str, dict[str, Any]]) -> None:
    document = merge(documents, "1")
    names = {part.partition('"')[0] for part in json.dumps(document).split("#/components/schemas/")[1:]}
    assert names <= set(document["components"]["schemas"])


def test_document_is_served_even_when_a_service_says_nothing(api: httpx.Client, payments: FakePayments) -> None:
    payments.status = 503
    document = api.get("/openapi.json").json()
    assert set(document["paths"]) == {route.path for route in ROUTES}
    assert "requestBody" in document["paths"]["/api/auth/login"]["post"]
