"""The command line: what a command does is loaded when it runs, so that a short one stays short."""

# Each of these adds its commands, and `--help` lists them in this order.
# isort: off
from sandbox.cli import stack, checks, incidents, alerts, project, measure  # noqa: F401
# isort: on

from sandbox.cli.app import main

__all__ = ["main"]
