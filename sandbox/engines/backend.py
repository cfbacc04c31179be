"""Settings of an external backend (docs/own-backend.md): checks them and writes Prometheus's configuration for it.

The collector expands variables in its own files. Prometheus cannot, so a configuration with a `remote_write` is written
before it starts, next to the original.
"""

import base64
from collections.abc import Mapping
from pathlib import Path

import yaml

from sandbox.model.errors import StackError
from sandbox.model.variables import read_variables

__all__ = ["REMOTE_WRITE", "prepare", "with_remote_write"]

# docker-compose.yml uses it if REMOTE_WRITE_URL is set. Paths of rules and targets are relative to its folder.
REMOTE_WRITE = "prometheus/remote-write-prometheus.yml"


def prepare(root: Path) -> None:
    """Write or remove Prometheus's second configuration.

    Raises StackError if the settings are incomplete or invalid.
    """
    variables = read_variables(root)
    if variables.get("OTLP_BACKEND", "none") != "none" and not variables.get("OTLP_BACKEND_ENDPOINT"):
        raise StackError(
            f"OTLP_BACKEND is {variables['OTLP_BACKEND']}, but OTLP_BACKEND_ENDPOINT is empty.",
            "Set it to the address that takes /v1/traces, /v1/logs and /v1/metrics, or unset OTLP_BACKEND.",
        )
    target = root / REMOTE_WRITE
    if not variables.get("REMOTE_WRITE_URL"):
        target.unlink(missing_ok=True)
        return
    text = with_remote_write((root / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"), variables)
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        target.write_text(text, encoding="utf-8")


def with_remote_write(configuration: str, variables: Mapping[str, str]) -> str:
    """Return Prometheus's configuration with a `remote_write` of all samples to REMOTE_WRITE_URL."""
    write: dict[str, object] = {"url": variables["REMOTE_WRITE_URL"], "send_exemplars": True}
    if said := variables.get("REMOTE_WRITE_AUTHORIZATION"):
        write |= _authorization(said)
    head = "# Written by `make up` from prometheus.yml and REMOTE_WRITE_*. DO NOT EDIT.\n"
    return f"{head}{configuration}\n{yaml.safe_dump({'remote_write': [write]})}"


def _authorization(header: str) -> dict[str, object]:
    """Convert an Authorization header to Prometheus's settings, which split `Basic` into name and password."""
    kind, _, credentials = header.partition(" ")
    try:
        if kind.lower() != "basic":
            return {"authorization": {"type": kind, "credentials": _not_empty(credentials)}}
        name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        return {"basic_auth": {"username": _not_empty(name), "password": password}}
    except ValueError:
        raise StackError(
            "REMOTE_WRITE_AUTHORIZATION is no value of an Authorization header.",
            "Write it whole: `Bearer <token>`, or `Basic <base64 of name:password>`.",
        ) from None


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("empty")
    return text
