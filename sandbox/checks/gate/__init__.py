"""Gate 4: each verification line and exit criterion of the plan, with the tests that prove it."""
