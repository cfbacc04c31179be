"""The model of the stack: services, the topology of docker-compose.yml, settings and addresses."""

from pathlib import Path

__all__ = ["ROOT"]

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the checkout that this file is in."""
