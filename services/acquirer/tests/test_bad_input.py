"""No request makes the acquirer fail that was not told to fail."""

from __future__ import annotations

import pytest

from testing.fuzz import fuzz
from testing.process import running_service


@pytest.mark.config
def test_no_generated_request_makes_the_acquirer_fail() -> None:
    with running_service("acquirer", {}) as acquirer:
        # What the control is told to break would break; what it refuses is tested by itself.
        sent = fuzz(acquirer.url, without={"/control"})
        assert sent > 100
        assert "Traceback" not in acquirer.logs.with_name("output").read_text()
