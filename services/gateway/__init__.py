"""The public API: knows who calls, how often, for how long, and who answers."""
