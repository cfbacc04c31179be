"""The telemetry of this process: started by the first caller, flushed at the end."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider

from sandbox_telemetry import errors, events, metrics, tracing
from sandbox_telemetry.logs import Logs, log_as_json
from sandbox_telemetry.settings import TelemetrySettings, service_name

log = logging.getLogger("telemetry")

# Must be below the ten seconds between an orchestrator's SIGTERM and SIGKILL.
_LAST_BATCH_SECONDS = 3.0


@dataclass
class Runtime:
    service: str
    settings: TelemetrySettings
    logs: Logs
    tracer_provider: TracerProvider
    event_tags: Callable[[], Mapping[str, str]]

    def end(self) -> None:
        """Flush spans to the collector and events to the error tracker, within a few seconds.

        The SDK has no such limit: if the collector hangs, it waits for OTEL_EXPORTER_OTLP_TIMEOUT.
        """
        sending = threading.Thread(target=self.tracer_provider.shutdown, daemon=True)
        sending.start()
        sending.join(_LAST_BATCH_SECONDS)
        if sending.is_alive():
            log.warning(events.TELEMETRY_LOST, extra={"reason": "the collector did not take the last spans in time"})
        if self.settings.sentry_dsn is not None:
            import sentry_sdk

            sentry_sdk.flush(timeout=2)


_runtime: Runtime | None = None


def start(service: str, event_tags: Callable[[], Mapping[str, str]] = dict) -> Runtime:
    """Set up logs, errors, traces and build info for `service`. OTEL_SERVICE_NAME overrides the name in all of them.

    `event_tags` returns further tags for each error event. A process is one service: later calls return the first
    result, even with other names (as in tests, where several applications share a process).
    """
    global _runtime
    if _runtime is None:
        settings, logs = log_as_json(service)
        service = service_name(service)
        if (event_handler := errors.setup_errors(service, settings, event_tags)) is not None:
            logging.getLogger().addHandler(event_handler)
        # The SDK's provider reads OTEL_SDK_DISABLED itself.
        provider = TracerProvider() if settings.otel_sdk_disabled else tracing.setup_tracing(service, settings)
        metrics.BUILD_INFO.labels(service, settings.service_version, settings.deployment_environment.value).set(1)
        metrics.watch_filesystem(settings.log_directory or Path.cwd())
        _runtime = Runtime(service, settings, logs, provider, event_tags)
    return _runtime


def is_disabled() -> bool:
    """Return whether OTEL_SDK_DISABLED switches telemetry off."""
    return _runtime is not None and _runtime.settings.otel_sdk_disabled


def start_for_tests() -> Runtime:
    """Return the running telemetry. If none is running, start it for a service called `test`."""
    return _runtime or start("test")
