"""Alembic's environment; payments runs it at start through kit.migrations."""

from kit.migrations import run_environment
from payments.tables import metadata

run_environment(metadata)
