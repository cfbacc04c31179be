"""Delivery of spans to the collector over OTLP/HTTP, from the thread of the queue that they waited in.

A batch is in the spool before it is sent, so a process that is killed meanwhile leaves it to its successor. A collector
that is away costs nothing but disk: batches wait there, in order, until it is back.
"""

import gzip
import logging
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal

import urllib3
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.util.re import parse_env_headers
from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from telemetry import events, metrics
from telemetry.otlp import encode
from telemetry.spool import Parcel, Spool

log = logging.getLogger("telemetry")

_GZIP = b"\x1f\x8b"
_RETRYABLE = {HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)}
# While the collector is away, batches go straight to the spool for this long before it is tried again.
_PAUSE_SECONDS = 1.0
# What waits is tried again this often, also when a quiet service makes no new spans.
_RETRY_SECONDS = 1.0
# After an outage, parcels of the spool sent with each batch: old spans must not keep new ones waiting for long.
_DRAINED_AT_ONCE = 20


def _either(name: str) -> Any:
    return AliasChoices(f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")


class OtlpSettings(BaseSettings):
    """The part of the OTEL_EXPORTER_OTLP_* variables that concerns traces; the timeout is in seconds."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    otel_exporter_otlp_endpoint: str = "http://localhost:4318"
    otel_exporter_otlp_traces_endpoint: str | None = None
    headers: str = Field(default="", validation_alias=_either("HEADERS"))
    timeout: float = Field(default=3.0, validation_alias=_either("TIMEOUT"))
    compression: Literal["gzip", "none"] = Field(default="gzip", validation_alias=_either("COMPRESSION"))
    certificate: str | None = Field(default=None, validation_alias=_either("CERTIFICATE"))
    client_certificate: str | None = Field(default=None, validation_alias=_either("CLIENT_CERTIFICATE"))
    client_key: str | None = Field(default=None, validation_alias=_either("CLIENT_KEY"))

    @property
    def url(self) -> str:
        base = self.otel_exporter_otlp_endpoint.rstrip("/")
        return self.otel_exporter_otlp_traces_endpoint or f"{base}/v1/traces"


class SpoolingExporter(SpanExporter):
    """Sends batches, oldest first; keeps each on disk until it has arrived. Without a spool, what cannot be sent now is
    lost, and counted."""

    def __init__(self, settings: OtlpSettings, spool: Spool | None) -> None:
        self._url, self._spool = settings.url, spool
        self._compress = settings.compression == "gzip"
        self._headers = {"content-type": "application/x-protobuf", **parse_env_headers(settings.headers)}
        self._pool = urllib3.PoolManager(
            timeout=settings.timeout,
            retries=False,
            ca_certs=settings.certificate,
            cert_file=settings.client_certificate,
            key_file=settings.client_key,
        )
        self._away_until = 0.0
        self._lock = threading.Lock()
        self._retry: threading.Timer | None = None
        self._try_later()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        body = encode(spans)
        if self._compress:
            # Level 1: a tenth of the size for a hundredth of the request's time, and outside Python's lock.
            body = gzip.compress(body, 1, mtime=0)
        with self._lock:
            kept = self._keep(body, len(spans))
            is_due = time.monotonic() >= self._away_until
            sent = is_due and self._drain(before=kept) and self._deliver(body, len(spans))
            if sent and kept and self._spool is not None:
                self._spool.done(kept)
            elif not sent and not kept:
                self._lose(len(spans))
            self._try_later()
        return SpanExportResult.SUCCESS

    def _try_later(self) -> None:
        if self._spool and self._retry is None:
            self._retry = threading.Timer(_RETRY_SECONDS, self._try_again)
            self._retry.daemon = True
            self._retry.start()

    def _try_again(self) -> None:
        with self._lock:
            self._retry = None
            self._drain()
            self._try_later()

    def _drain(self, before: Parcel | None = None) -> bool:
        """Send some of what waits, or some of what waits before a parcel. False when the collector does not take it."""
        for _ in range(_DRAINED_AT_ONCE):
            parcel = self._spool.oldest() if self._spool else None
            if self._spool is None or parcel is None or parcel is before:
                return True
            if not self._redeliver(self._spool, parcel):
                return False
        return True

    def _redeliver(self, spool: Spool, parcel: Parcel) -> bool:
        try:
            body = parcel.read()
        except FileNotFoundError:
            # Another instance of the service has sent it.
            pass
        except OSError:
            metrics.SPANS.labels("lost").inc(parcel.spans)
        else:
            if not self._deliver(body, parcel.spans):
                return False
        spool.done(parcel)
        return True

    def _deliver(self, body: bytes, spans: int) -> bool:
        """Whether nothing more is to be done with this body: it arrived, or the collector will never take it."""
        # What waits on disk was perhaps written by a process with the other setting.
        encoding = {"content-encoding": "gzip"} if body.startswith(_GZIP) else {}
        try:
            status = self._pool.request("POST", self._url, body=body, headers=self._headers | encoding).status
        except (urllib3.exceptions.HTTPError, OSError):
            status = HTTPStatus.SERVICE_UNAVAILABLE
        if status in _RETRYABLE:
            if not self._away_until:
                log.warning(events.TELEMETRY_DELAYED)
            self._away_until = time.monotonic() + _PAUSE_SECONDS
            return False
        if self._away_until:
            log.info(events.TELEMETRY_RESUMED)
            self._away_until = 0.0
        metrics.SPANS.labels("exported" if status < 300 else "refused").inc(spans)
        return True

    def _keep(self, body: bytes, spans: int) -> Parcel | None:
        """The batch on disk; None when there is no spool, or no room for it."""
        if self._spool is None:
            return None
        try:
            parcel, given_up = self._spool.put(body, spans)
        except OSError:
            return None
        if given_up:
            self._lose(given_up)
        return parcel

    def _lose(self, spans: int) -> None:
        metrics.SPANS.labels("lost").inc(spans)
        if self._spool is not None:
            log.warning(events.TELEMETRY_LOST, extra={"count": spans, "reason": "no room in the spool"})

    def shutdown(self) -> None:
        with self._lock:
            if self._retry is not None:
                self._retry.cancel()
            self._pool.clear()

    def force_flush(self, timeout_millis: int = 3_000) -> bool:
        return True
