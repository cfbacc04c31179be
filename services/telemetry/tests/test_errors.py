"""What becomes of error events that do not reach the tracker is counted by its cause."""

import pytest

from telemetry.errors import outcome_of_drop


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("status_429", "throttled"),
        ("self_rate_limits", "throttled"),
        ("status_500", "lost"),
        ("network_error", "lost"),
        ("full_queue", "lost"),
    ],
)
def test_event_over_the_trackers_cap_counts_as_throttled_and_any_other_as_lost(reason: str, outcome: str) -> None:
    assert outcome_of_drop(reason) == outcome
