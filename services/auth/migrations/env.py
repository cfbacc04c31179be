"""Alembic's environment; auth runs it at start through kit.migrations."""

from auth.tables import metadata
from kit.migrations import run_environment

run_environment(metadata)
