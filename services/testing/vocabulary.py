"""Every name of a metric, event, field and attribute, read from its declaration. The only module that reads them.

Names that all services share are in `sandbox_telemetry` and `kit`; those of one service are in its module `signals`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from prometheus_client.metrics import MetricWrapperBase

__all__ = ["Metric", "Vocabulary", "vocabulary"]

_SERVICES = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Metric:
    """Name without the suffix of the type; unit as in the name; labels in order; buckets of a histogram."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()
    # The services that have it; empty means all observed services.
    services: tuple[str, ...] = ()
    # Whether the OpenTelemetry SDK creates it at its first value, by its own naming conventions.
    is_of_sdk: bool = False


_OF_SDK = ("otel_component_type", "otel_component_name")
_SDK_METRICS = (
    Metric(
        "otel_sdk_processor_span_processed",
        "counter",
        "The number of spans for which the processing has finished, either successful or failed.",
        (*_OF_SDK, "error_type"),
        is_of_sdk=True,
    ),
    Metric(
        "otel_sdk_processor_span_queue_size",
        "gauge",
        "The number of spans in the queue of a given instance of an SDK span processor.",
        _OF_SDK,
        is_of_sdk=True,
    ),
    Metric(
        "otel_sdk_processor_span_queue_capacity",
        "gauge",
        "The maximum number of spans the queue of a given instance of an SDK span processor can hold.",
        _OF_SDK,
        is_of_sdk=True,
    ),
    Metric(
        "otel_sdk_exporter_span_exported",
        "counter",
        "The number of spans for which the export has finished, either successful or failed.",
        ("error_type",),
        is_of_sdk=True,
    ),
)


@dataclass(frozen=True)
class Vocabulary:
    """`standalone` are the metrics of programs without traces: they only count and log."""

    metrics: tuple[Metric, ...]
    standalone: tuple[Metric, ...]
    log_fields: frozenset[str]
    mandatory_fields: tuple[str, ...]
    span_attributes: frozenset[str]
    events: frozenset[str]
    exemplar_trace_id: str

    def of(self, service: str) -> tuple[Metric, ...]:
        """Return the metrics on a service's page, by its name in the catalog."""
        own = tuple(one for one in self.standalone if service in one.services)
        return own or tuple(one for one in self.metrics if service in (one.services or (service,)))

    def labels(self, name: str) -> tuple[str, ...]:
        """Return the labels of a metric. Raises StopIteration if there is none of this name."""
        return next(one.labels for one in self.metrics if one.name == name)


@cache
def vocabulary() -> Vocabulary:
    """Return all current declarations; imports the modules that declare."""
    rows: dict[str, dict[str, Any]] = yaml.safe_load((_SERVICES / "catalog.yml").read_text())["services"]
    with_database = tuple(sorted(name for name, row in rows.items() if row["database"]))
    found = [*_read("sandbox_telemetry.metrics", ()), *_read("kit.signals", ()), *_SDK_METRICS]
    found += _read("kit.database", with_database)
    standalone: list[Metric] = []
    for name, row in rows.items():
        if (_SERVICES / name / "signals.py").exists():
            (found if "traces" in row["signals"] else standalone).extend(_read(f"{name}.signals", (name,)))
    from sandbox_telemetry import events, names

    return Vocabulary(
        metrics=tuple(found),
        standalone=tuple(standalone),
        log_fields=frozenset(names.LOG_FIELDS),
        mandatory_fields=names.MANDATORY_FIELDS,
        span_attributes=frozenset(names.SPAN_ATTRIBUTES),
        events=frozenset(events.EVENTS),
        exemplar_trace_id=names.EXEMPLAR_TRACE_ID,
    )


def _read(module: str, services: tuple[str, ...]) -> list[Metric]:
    return list(_described(import_module(module), services))


def _described(module: ModuleType, services: tuple[str, ...]) -> Iterator[Metric]:
    for one in vars(module).values():
        if isinstance(one, MetricWrapperBase):
            [family] = one.describe()
            # prometheus-client has no public name for these.
            labels, bounds = one._labelnames, one._kwargs.get("buckets", ())
            yield Metric(family.name, family.type, family.documentation, labels, family.unit, tuple(bounds), services)
