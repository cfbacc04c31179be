"""Declarations are validated when they are made; importing the logging part loads few modules."""

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox_telemetry import Event, declare, policy
from sandbox_telemetry.events import EVENTS
from sandbox_telemetry.names import LOG_FIELDS, OWN_FIELDS, SPAN_ATTRIBUTES

SERVICES = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def forgotten():
    """Remove what these tests declare."""
    known = [(one, dict(one)) for one in (LOG_FIELDS, SPAN_ATTRIBUTES, EVENTS)]
    yield
    for one, before in known:
        one.clear()
        one.update(before)


def test_only_what_is_declared_leaves_the_process():
    assert (policy.log_field("parcels", 3), policy.span_attribute("parcel.count", 3)) == (policy.SCRUBBED, None)
    declare(log_fields={"parcels": "how many"}, span_attributes={"parcel.count": "how many"})
    assert (policy.log_field("parcels", 3), policy.span_attribute("parcel.count", 3)) == (3, 3)
    assert policy.log_field("parcels", "to jane@example.com") == f"to {policy.SCRUBBED}"


@pytest.mark.parametrize(
    ("declaration", "complaint"),
    [
        *(({"log_fields": {name: "mine"}}, f"'{name}' is reserved") for name in OWN_FIELDS),
        *(({"log_fields": {name: "x"}}, "lower case") for name in ("Parcels", "parcel.count", "_parcels", "", "1st")),
        ({"log_fields": {"reason": "a cause"}}, "'reason' is declared twice: as 'why, in words of the code' and as"),
        ({"log_fields": {"parcels": ""}}, "'parcels' needs a meaning"),
        ({"span_attributes": {"service.name": "mine"}}, "'service.name' is reserved"),
        *(
            ({"span_attributes": {name: "x"}}, "lower case")
            for name in ("Parcel.count", "parcel..count", "parcel-count")
        ),
        ({"span_attributes": {"http.route": "a path"}}, "'http.route' is declared twice"),
    ],
    ids=str,
)
def test_declaration_that_is_wrong_is_refused_by_name(declaration, complaint):
    before = dict(LOG_FIELDS), dict(SPAN_ATTRIBUTES)
    with pytest.raises(ValueError, match=complaint):
        declare(**declaration)
    assert before == (LOG_FIELDS, SPAN_ATTRIBUTES)


def test_services_may_declare_what_they_share_in_the_same_words():
    for _ in range(2):
        declare(log_fields={"parcels": "how many"})
        assert Event("parcel.sent", "parcel sent").name == "parcel.sent"


@pytest.mark.parametrize(
    ("name", "message", "complaint"),
    [
        ("sent", "parcel sent", "with dots"),
        ("parcel.Sent", "parcel sent", "with dots"),
        ("parcel.sent", "parcel %s sent", "must be constant"),
        ("parcel.sent", "parcel {number} sent", "must be constant"),
        ("http.access", "accessed", "'http.access' is declared twice: as 'request completed' and as 'accessed'"),
    ],
)
def test_event_that_is_wrong_is_refused_by_name(name, message, complaint):
    with pytest.raises(ValueError, match=complaint):
        Event(name, message)


def test_program_that_only_logs_does_without_the_sdk():
    """It would be a large part of the small services' memory."""
    program = """
import sys
from sandbox_telemetry import log_as_json
log_as_json("relay")
heavy = ("opentelemetry.sdk", "opentelemetry.exporter", "fastapi", "sentry_sdk", "sqlalchemy", "httpx", "yaml")
print(sorted(name for name in sys.modules if name.startswith(heavy)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SERVICES)}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
