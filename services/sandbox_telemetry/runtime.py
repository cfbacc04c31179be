"""The state of this process's telemetry: started once by whoever comes first, flushed at the end."""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider

from sandbox_telemetry import errors, events, metrics, tracing
from sandbox_telemetry.logs import Logs, log_as_json
from sandbox_telemetry.settings import TelemetrySettings

log = logging.getLogger("telemetry")

# Below the ten seconds that an orchestrator waits before it kills.
_LAST_BATCH_SECONDS = 3.0


@dataclass
class Runtime:
    service: str
    settings: TelemetrySettings
    logs: Logs
    tracer_provider: TracerProvider
    event_tags: Callable[[], Mapping[str, str]]

    def end(self) -> None:
        """Send what is still held, spans to the collector and events to the error tracker; at most a few seconds.

        The SDK has no limit for it: with a collector that hangs it would wait for OTEL_EXPORTER_OTLP_TIMEOUT.
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
    """Set up logs, errors, traces and build info for `service`; OTEL_SERVICE_NAME gives it another name in all of them.

    `event_tags` is asked for further tags of each error event. A process is one service: later calls return the first
    one's result, also for other names (as in tests, where several applications live in one process).
    """
    global _runtime
    if _runtime is None:
        settings, logs = log_as_json(service)
        service = os.environ.get("OTEL_SERVICE_NAME") or service
        if (event_handler := errors.setup_errors(service, settings, event_tags)) is not None:
            logging.getLogger().addHandler(event_handler)
        # The bare provider reads OTEL_SDK_DISABLED by itself.
        provider = TracerProvider() if settings.otel_sdk_disabled else tracing.setup_tracing(service, settings)
        metrics.BUILD_INFO.labels(service, settings.service_version, settings.deployment_environment.value).set(1)
        metrics.watch_filesystem(settings.log_directory or Path.cwd())
        _runtime = Runtime(service, settings, logs, provider, event_tags)
    return _runtime


def is_disabled() -> bool:
    """Whether this process was told to do without telemetry."""
    return _runtime is not None and _runtime.settings.otel_sdk_disabled


def start_for_tests() -> Runtime:
    """The running telemetry, or one for a service called `test` when none was started."""
    return _runtime or start("test")
