"""Settings that every service has, read from the environment once at start."""

from enum import StrEnum
from typing import Any, Self

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# Credentials in .env start with this, so that one look tells that they protect nothing.
UNSAFE_PREFIX = "sandbox-only"


class Environment(StrEnum):
    """Where a process runs; policies (sampling, debug endpoints, unsafe credentials) depend on it."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class ServiceSettings(BaseSettings):
    """Base of each service's settings: field `auth_url` is the variable AUTH_URL.

    In prod a value that contains the sandbox's credential prefix is refused (pydantic.ValidationError).
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


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
