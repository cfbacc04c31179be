"""Settings, read from the environment once at start. The SDK itself reads the standard OTEL_* variables."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# Prefix of the sandbox's credentials: it marks them as unsafe.
UNSAFE_PREFIX = "sandbox-only"


class Environment(StrEnum):
    """Deployment environment. It decides on sampling, debug endpoints and unsafe credentials."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


# Share of new traces that are recorded, by environment: all where people look at single requests, a tenth where there
# are millions. The caller's decision (traceparent) takes precedence; OTEL_TRACES_SAMPLER replaces both.
SAMPLED_SHARE = {Environment.DEV: 1.0, Environment.STAGING: 0.5, Environment.PROD: 0.1}


class ServiceSettings(BaseSettings):
    """Base class of a service's settings: the field `auth_url` is the variable AUTH_URL.

    In prod, a value that contains the sandbox's credential prefix raises pydantic.ValidationError.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True, hide_input_in_errors=True)

    deployment_environment: Environment = Environment.DEV
    service_version: str = "0.0.0"

    @property
    def is_prod(self) -> bool:
        return self.deployment_environment is Environment.PROD

    @model_validator(mode="after")
    def _refuse_sandbox_credentials(self) -> Self:
        if self.is_prod:
            unsafe = sorted(name for name in type(self).model_fields if UNSAFE_PREFIX in _plain(getattr(self, name)))
            if unsafe:
                variables = ", ".join(name.upper() for name in unsafe)
                raise ValueError(
                    f"{variables}: a credential that starts with {UNSAFE_PREFIX!r} is for the sandbox. "
                    "Set a real one, or set DEPLOYMENT_ENVIRONMENT to dev or staging."
                )
        return self


def service_name(default: str) -> str:
    """Return the name of this process's service in every signal: OTEL_SERVICE_NAME, or the default."""
    return os.environ.get("OTEL_SERVICE_NAME") or default


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


class TelemetrySettings(ServiceSettings):
    """DEPLOYMENT_ENVIRONMENT, SERVICE_VERSION and the other variables of the table in README.md. Sizes are in bytes."""

    otel_sdk_disabled: bool = False
    sentry_dsn: SecretStr | None = None
    log_directory: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Four files of 32 MiB hold ten minutes of lines at 500 lines a second, for an outage of the collector.
    log_max_bytes: int = 32 * 1024 * 1024
    log_backups: int = 3

    def in_effect(self) -> Self:
        """Return these settings, or what remains of them when OTEL_SDK_DISABLED is set."""
        if not self.otel_sdk_disabled:
            return self
        return self.model_copy(update={"sentry_dsn": None, "log_directory": None, "log_level": "WARNING"})

    @model_validator(mode="after")
    def _refuse_debug_in_production(self) -> Self:
        if self.is_prod and self.log_level == "DEBUG":
            raise ValueError("LOG_LEVEL=DEBUG is not for prod, where libraries would log bodies: set INFO.")
        return self
