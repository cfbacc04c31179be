"""What everything else asks: the services, the topology read from docker-compose.yml, settings and addresses."""

from pathlib import Path

__all__ = ["ROOT"]

ROOT = Path(__file__).resolve().parents[2]
"""The folder of the checkout that this file is in."""
