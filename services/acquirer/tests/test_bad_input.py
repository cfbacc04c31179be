"""No request makes the acquirer fail unless it is configured to fail."""

from __future__ import annotations

import pytest

from testing.fuzz import fuzz
from testing.process import running_service


@pytest.mark.config
def test_no_generated_request_makes_the_acquirer_fail() -> None:
    with running_service("acquirer", {}) as acquirer:
        # Requests to the control endpoint would configure failures; its validation has its own test.
        sent = fuzz(acquirer.url, without={"/control"})
        assert sent > 100
        assert "Traceback" not in acquirer.logs.with_name("output").read_text()
