"""Generates a sender of malformed telemetry next to a valid one, and reads what the stores have of both."""

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.testbench.otlp import serialized
from sandbox_testing import direct
from tests.support import grpc

__all__ = ["Addresses", "Trial"]

CANARY = "zqgenerated.canary"
# Status codes of HTTP and of gRPC.
TAKEN = (200, 0)
BUSY = (429, 503, 14)
MAIL = f"{CANARY}@example.com"

texts = st.sampled_from(["", "word", MAIL, f"for {MAIL} and", "名前", "x" * 5000, "\x00", "\ud7ff", "4.8.2.1"])
scalars = st.one_of(
    texts.map(lambda one: {"stringValue": one}),
    st.sampled_from([{}, {"boolValue": True}, {"doubleValue": "NaN"}, {"doubleValue": "-Infinity"}]),
    st.integers(-(2**63), 2**63 - 1).map(lambda one: {"intValue": str(one)}),
    texts.map(lambda one: {"bytesValue": base64.b64encode(one.encode()).decode()}),
)
keys = st.one_of(st.sampled_from(["a", "service", "password", "le", "__name__", "job", "a b"]), texts)


def _maps(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    pairs = st.builds(lambda key, value: {"key": key, "value": value}, keys, values)
    return st.lists(pairs, max_size=5, unique_by=lambda one: one["key"])


values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda one: {"arrayValue": {"values": one}}),
        _maps(inner).map(lambda one: {"kvlistValue": {"values": one}}),
    ),
    max_leaves=6,
)
attributes = _maps(values)
offsets = st.sampled_from([0, 0, 0, -(10**13), 10**13, -(10**18)])
scopes = st.fixed_dictionaries({"name": texts, "version": texts, "attributes": attributes})
events = st.lists(st.fixed_dictionaries({"name": texts, "attributes": attributes}), max_size=4)
spans = st.fixed_dictionaries(
    {
        "identified": st.sampled_from([True, True, False]),
        "name": texts,
        "offset": offsets,
        "attributes": attributes,
        "events": events,
        "traceState": texts,
        "status": st.fixed_dictionaries({"message": texts, "code": st.sampled_from([0, 1, 2])}),
    }
)
records = st.fixed_dictionaries(
    {"offset": offsets, "attributes": attributes, "severityText": texts, "eventName": texts},
    optional={"body": values},
)
points = st.fixed_dictionaries(
    {"offset": offsets, "attributes": attributes, "asInt": st.integers(0, 9).map(str), "exemplars": st.just([])}
)
measured = st.fixed_dictionaries({"name": texts, "description": texts, "unit": texts}).flatmap(
    lambda named: st.one_of(
        st.lists(points, max_size=3).map(lambda one: named | {"gauge": {"dataPoints": one}}),
        st.tuples(st.lists(points, max_size=3), st.sampled_from([0, 1, 2])).map(
            lambda one: named | {"sum": {"dataPoints": one[0], "aggregationTemporality": one[1], "isMonotonic": True}}
        ),
        st.just(named),
    )
)
ways = st.sampled_from(["json", "protobuf", "grpc"])
requests = st.one_of(
    st.tuples(st.just("traces"), scopes, st.lists(spans, max_size=3), attributes, ways),
    st.tuples(st.just("logs"), scopes, st.lists(records, max_size=3), attributes, ways),
    st.tuples(st.just("metrics"), scopes, st.lists(measured, max_size=3), attributes, ways),
)


@dataclass(frozen=True)
class Addresses:
    """The collector's OTLP addresses over HTTP (a URL) and gRPC (host:port), and the stores' URLs."""

    otlp: str
    grpc: str
    loki: str
    tempo: str
    prometheus: str


@dataclass
class Trial:
    """One run: ``send`` first, then query what arrived. Names are new for each run."""

    at: Addresses
    odd: str = field(default_factory=lambda: f"odd-{secrets.token_hex(4)}")
    good: str = field(default_factory=lambda: f"good-{secrets.token_hex(4)}")
    sent: int = 0
    anonymous: int = 0
    traces: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = time.time()
        self.good_trace = secrets.token_hex(16)
        self.client = httpx.Client(timeout=30, trust_env=False, verify=direct.certificates())

    def send(self, examples: int) -> None:
        """Send a number of malformed requests, each followed by a valid span, log line and point.

        They are the same in each run.
        """

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(requests)
        def one(request: tuple[Any, ...]) -> None:
            self._send_odd(*request)
            self._send_good()

        one()

    def _post(self, signal: str, payload: dict[str, Any], way: str = "json") -> None:
        for _ in range(30):
            status, text = self._answer(signal, payload, way)
            if status not in BUSY:
                break
            time.sleep(0.5)
        if status not in TAKEN:
            self.refusals.append(f"{way} {signal} {status} {text[:200]}")

    def _answer(self, signal: str, payload: dict[str, Any], way: str) -> tuple[int, str]:
        if way == "grpc":
            return grpc.export(self.at.grpc, signal, serialized(signal, payload))
        if way == "json":
            content, kind = json.dumps(payload).encode(), "application/json"
        else:
            content, kind = serialized(signal, payload), "application/x-protobuf"
        answer = self.client.post(f"{self.at.otlp}/v1/{signal}", content=content, headers={"Content-Type": kind})
        return answer.status_code, answer.text

    def _send_odd(self, signal: str, scope: Any, items: list[Any], resource: list[Any], way: str) -> None:
        named = [{"key": "service.name", "value": {"stringValue": self.odd}}]
        named += [one for one in resource if one["key"] != "service.name"]
        now = time.time_ns()
        if signal == "traces":
            inner = {"spans": [self._span(dict(one), now) for one in items]}
        elif signal == "logs":
            inner = {"logRecords": [_timed(dict(one), now) for one in items]}
        else:
            inner = {"metrics": [_measured(one, now) for one in items]}
        group, scoped = {
            "traces": ("resourceSpans", "scopeSpans"),
            "logs": ("resourceLogs", "scopeLogs"),
            "metrics": ("resourceMetrics", "scopeMetrics"),
        }[signal]
        self._post(signal, {group: [{"resource": {"attributes": named}, scoped: [{"scope": scope, **inner}]}]}, way)

    def _span(self, one: dict[str, Any], now: int) -> dict[str, Any]:
        start = max(now + one.pop("offset"), 0)
        identified = one.pop("identified")
        trace = secrets.token_hex(16) if identified else "0" * 32
        if identified:
            self.traces.append(trace)
        else:
            self.anonymous += 1
        ids = {"traceId": trace, "spanId": secrets.token_hex(8)}
        return one | ids | {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 1000)}

    def _send_good(self) -> None:
        self.sent += 1
        now = time.time_ns()
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": self.good}}]}
        span = {"traceId": self.good_trace, "spanId": secrets.token_hex(8), "name": "good"}
        span |= {"startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1000)}
        line = {"timeUnixNano": str(now), "body": {"stringValue": f"good {self.sent}"}}
        point = {"startTimeUnixNano": str(now - 10**9), "timeUnixNano": str(now), "asInt": str(self.sent)}
        total = {"isMonotonic": True, "aggregationTemporality": 2, "dataPoints": [point]}
        self._post("traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})
        self._post("logs", {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [line]}]}]})
        metric = {"name": "good.requests", "sum": total}
        self._post("metrics", {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]})

    def good_items(self) -> tuple[int, int, int]:
        """Return spans, log lines and the newest total of the valid sender in the stores."""
        trace = self.client.get(f"{self.at.tempo}/api/traces/{self.good_trace}")
        span_count = trace.text.count('"spanId"') if trace.is_success else 0
        counting = f'sum(count_over_time({{service_name="{self.good}"}}[1h]))'
        lines = self.client.get(f"{self.at.loki}/loki/api/v1/query", params={"query": counting}).json()
        found = lines["data"]["result"]
        total = self.number(f'good_requests_total{{service="{self.good}"}}')
        return span_count, int(found[0]["value"][1]) if found else 0, total

    def number(self, query: str) -> int:
        """Return the value of an instant query with one result; 0 without a result."""
        answer = self.client.get(f"{self.at.prometheus}/api/v1/query", params={"query": query}).json()
        result = answer["data"]["result"]
        return int(float(result[0]["value"][1])) if result else 0

    def discarded_spans(self) -> int:
        labels = f'service="{self.odd}",signal="traces",reason="no_id"'
        return self.number(f"sum(collector_items_discarded_total{{{labels}}})")

    def stored(self) -> str:
        """Return everything that the stores have of the malformed sender as one text."""
        end = {"start": str(self.began - 60), "end": str(time.time() + 600)}
        line_query = {"query": f'{{service_name="{self.odd}"}}', "limit": "5000", **end}
        parts = [self.client.get(f"{self.at.loki}/loki/api/v1/query_range", params=line_query).text]
        series = {"match[]": [f'{{service="{self.odd}"}}', f'{{job=~".*{self.odd}"}}'], **end}
        parts.append(self.client.get(f"{self.at.prometheus}/api/v1/series", params=series).text)
        parts += [self.client.get(f"{self.at.tempo}/api/traces/{trace}").text for trace in self.traces]
        return "\n".join(parts)


def _timed(one: dict[str, Any], now: int) -> dict[str, Any]:
    offset = one.pop("offset")
    return one | {"timeUnixNano": str(max(now + offset, 0))}


def _measured(metric: dict[str, Any], now: int) -> dict[str, Any]:
    made = dict(metric)
    for kind in ("gauge", "sum"):
        if kind in made:
            made[kind] = made[kind] | {"dataPoints": [_timed(dict(one), now) for one in made[kind]["dataPoints"]]}
    return {key: value for key, value in made.items() if key != "offset"}
