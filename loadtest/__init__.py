"""Load and what it costs."""
