"""The command line: what a command does is loaded when it runs, so that a short one stays short."""

from sandbox.cli import alerts, checks, incidents, measure, project, stack  # noqa: F401  (each adds its commands)
from sandbox.cli.app import main

__all__ = ["main"]
