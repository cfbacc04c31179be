"""What this repository's own suites need beside sandbox_testing: its stack, its customers, its engines."""
