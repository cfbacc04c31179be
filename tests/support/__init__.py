"""What this repository's suites need in addition to sandbox_testing: its stack, customers, engines."""
