"""Settings of the telemetry package. The standard OTEL_* variables are read by the OpenTelemetry SDK itself."""

from pathlib import Path
from typing import Literal, Self

from pydantic import SecretStr, model_validator

from kit.settings import Environment, ServiceSettings

# Share of new traces that are recorded, by environment. A caller's decision (traceparent) is always followed, and
# OTEL_TRACES_SAMPLER overrides this. Everything where people look at single requests; a tenth where there are millions.
SAMPLED_SHARE = {Environment.DEV: 1.0, Environment.STAGING: 0.5, Environment.PROD: 0.1}


class TelemetrySettings(ServiceSettings):
    """DEPLOYMENT_ENVIRONMENT, SERVICE_VERSION and these:

    SENTRY_DSN: where error events go; none are sent when it is empty. LOG_DIRECTORY: folder in which
    `<service>.jsonl` is written for the collector to follow; stdout only when it is empty. LOG_LEVEL: lowest level
    written. LOG_MAX_BYTES, LOG_BACKUPS: size at which the file is rotated, and how many rotated files stay.
    OTEL_SDK_DISABLED: true switches everything off but the metrics page, probes and lines of level WARNING and above on
    stdout.
    """

    otel_sdk_disabled: bool = False
    sentry_dsn: SecretStr | None = None
    log_directory: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Four files of 32 MiB hold ten minutes of a dead collector at 500 lines a second.
    log_max_bytes: int = 32 * 1024 * 1024
    log_backups: int = 3

    def in_effect(self) -> Self:
        """These settings, or what is left of them when everything is switched off."""
        if not self.otel_sdk_disabled:
            return self
        return self.model_copy(update={"sentry_dsn": None, "log_directory": None, "log_level": "WARNING"})

    @model_validator(mode="after")
    def _refuse_debug_in_production(self) -> Self:
        if self.is_prod and self.log_level == "DEBUG":
            raise ValueError("LOG_LEVEL=DEBUG is not for prod, where libraries would log bodies: set INFO.")
        return self
