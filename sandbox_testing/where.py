"""The addresses of a running sandbox."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Sandbox"]

SANDBOX_ONLY_TOKEN = "5a4d6f1c0b9e8d7c6b5a49382716054f3e2d1c0b"


@dataclass(frozen=True)
class Sandbox:
    """The addresses of the stores, and the token of the error tracker's API."""

    tempo: str
    loki: str
    prometheus: str
    bugsink: str
    mailpit: str
    otlp_http: str
    bugsink_token: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Sandbox":
        """Read ``SANDBOX_HOST`` (default 127.0.0.1), and the variables of the sandbox's .env where they are set."""
        given = os.environ if environment is None else environment

        def url(variable: str, default: int) -> str:
            return f"http://{given.get('SANDBOX_HOST', '127.0.0.1')}:{given.get(variable, default)}"

        return cls(
            tempo=url("TEMPO_PORT", 3200),
            loki=url("LOKI_PORT", 3100),
            prometheus=url("PROMETHEUS_PORT", 9090),
            bugsink=url("BUGSINK_PORT", 8800),
            mailpit=url("MAILPIT_PORT", 8025),
            otlp_http=url("OTLP_HTTP_PORT", 4318),
            bugsink_token=given.get("BUGSINK_API_TOKEN", SANDBOX_ONLY_TOKEN),
        )
