"""The gateway's settings, read from the environment."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path

from pydantic import Field

from sandbox_telemetry.settings import Environment, ServiceSettings

__all__ = ["BROWSER_SAMPLING", "Settings", "settings"]

# Sampling ratios for browsers, by environment: traces as for services, but half of their ratio in prod; all error
# events, because each is a customer who could not do something.
BROWSER_SAMPLING = {
    Environment.DEV: {"errors": 1.0, "traces": 1.0},
    Environment.STAGING: {"errors": 1.0, "traces": 0.5},
    Environment.PROD: {"errors": 1.0, "traces": 0.05},
}

_RATE = r"^[1-9][0-9]{0,8}/(second|minute|hour)$"


class Settings(ServiceSettings):
    """Durations are in seconds; rates have the form `1200/minute`."""

    auth_url: str
    payments_url: str

    # Longest duration of a request, which X-Deadline-Ms shortens. Longest time to receive a request's body.
    request_seconds: float = Field(10.0, gt=0, le=120)
    body_seconds: float = Field(5.0, gt=0, le=120)
    # A service that is being released refuses connections for one to three seconds; connecting is retried this long.
    retry_seconds: float = Field(6.0, ge=0, le=60)
    upstream_connections: int = Field(100, ge=1)

    # Per customer if the token is valid, otherwise per address.
    rate_limit_customer: str = Field("1200/minute", pattern=_RATE)
    rate_limit_address: str = Field("1200/minute", pattern=_RATE)

    # Reports (errors, batches of spans) of one address. A burst of 500 errors in ten seconds must be accepted.
    rate_limit_browser: str = Field("3000/minute", pattern=_RATE)

    # The folder of published parts, the parts `app,...`, and the DSN for each part's errors, `app=dsn,...`.
    assets_directory: Path | None = None
    frontend_apps: str = ""
    frontend_dsns: str = ""
    # Share of page loads that Sentry's browser tracing records, for a tracker that stores transactions.
    sentry_traces_sample_rate: float = Field(0.0, ge=0, le=1)

    # The collector's address, by the standard variables; it receives the spans of browsers, too.
    otel_exporter_otlp_endpoint: str = "http://localhost:4318"
    otel_exporter_otlp_traces_endpoint: str = ""

    # Ports on the host, for the links on the welcome page: `grafana=3000,prometheus=9090`.
    stack_ports: str = ""

    @cached_property
    def apps(self) -> frozenset[str]:
        """The parts of the frontend."""
        return frozenset(filter(None, self.frontend_apps.split(",")))

    @property
    def spans_url(self) -> str:
        """The collector's OTLP/HTTP address for spans."""
        return self.otel_exporter_otlp_traces_endpoint or f"{self.otel_exporter_otlp_endpoint.rstrip('/')}/v1/traces"

    @cached_property
    def dsns(self) -> dict[str, str]:
        """DSN by micro-frontend; one without a DSN reports nothing."""
        return _pairs(self.frontend_dsns)


def _pairs(text: str) -> dict[str, str]:
    pairs = (entry.strip().partition("=") for entry in text.split(","))
    return {name: value for name, _, value in pairs if name and value}


@lru_cache
def settings() -> Settings:
    """Return the settings of this process, read once. Raises pydantic.ValidationError, which names the variable."""
    return Settings()
