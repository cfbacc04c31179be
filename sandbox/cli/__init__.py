"""The command line. Each command imports its modules when it runs, so that short commands stay fast."""

# Each of these adds its commands, and `--help` lists them in this order.
# isort: off
from sandbox.cli import stack, checks, incidents, alerts, project, measure  # noqa: F401
# isort: on

from sandbox.cli.app import main

__all__ = ["main"]
