"""Gate 4: every verification line and exit criterion of the plan, each bound to the tests that prove it."""
