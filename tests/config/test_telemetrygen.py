"""OpenTelemetry's own generator of telemetry, which nothing here was written for: what it sends arrives, counted."""

import subprocess
from pathlib import Path

import pytest

from sandbox.engines.native import build
from sandbox_testing.polling import eventually
from tests.support.collector import CollectorAlone, bodies, stored

NUMBER = 40
# Each of its sums counts up by one from 0.
TOTAL = NUMBER * (NUMBER - 1) // 2
MAIL = "zqtelemetrygen@example.com"


@pytest.fixture(scope="module")
def telemetrygen() -> Path:
    """Built when these tests run for the first time; no user of the stack needs it."""
    return build.ensure_tools(["telemetrygen"])["telemetrygen"]


@pytest.mark.parametrize("way", ["grpc", "http"])
def test_an_independent_client_loses_nothing_of_any_signal(
    collector: CollectorAlone, telemetrygen: Path, way: str
) -> None:
    service = f"telemetrygen-{way}"
    at = collector.grpc if way == "grpc" else collector.url.removeprefix("http://")
    common = ["--otlp-insecure", f"--otlp-endpoint={at}", f"--service={service}", "--rate=0"]
    common += ["--workers=1", f'--telemetry-attributes=note="for {MAIL}"', *(["--otlp-http"] if way == "http" else [])]
    for signal, options in {
        "traces": ["--child-spans=3", "--span-links=1"],
        "logs": [f"--body=sent for {MAIL}"],
        "metrics": ["--metric-type=Sum", "--aggregation-temporality=delta", "--otlp-metric-name=generated"],
    }.items():
        command = [telemetrygen, signal, f"--{signal}={NUMBER}", *common, *options]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def arrived() -> tuple[int, int, int]:
        groups = [one for one in collector.of("resourceSpans") if service in str(one["resource"])]
        spans = [one for group in groups for scope in group["scopeSpans"] for one in scope["spans"]]
        points = stored(collector, service).get("generated", [])
        total = max((int(one["asInt"]) for one in points), default=0)
        return len(spans), len(bodies(collector, service)), total

    expected = (NUMBER * 4, NUMBER, TOTAL)
    assert eventually("everything", arrived, lambda found: found >= expected) == expected
    assert {one["body"]["stringValue"] for one in bodies(collector, service)} == {"sent for ****"}
    assert MAIL.partition("@")[0] not in collector.exported()
