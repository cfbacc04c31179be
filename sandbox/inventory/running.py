"""Reads the version that each running component reports, with the same requests on both engines."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import psycopg
from prometheus_client.parser import text_string_to_metric_families

from sandbox.engines.engine import Component
from sandbox.inventory.parts import Part
from sandbox_testing import direct

__all__ = ["DOWN", "QUESTIONS", "Question", "running", "says"]

DOWN = "-"
NOT_TOLD = "not told"
_SECONDS = 3


def _field(*keys: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        value: Any = json.loads(text)
        for key in keys:
            value = value[key]
        return str(value)

    return read


def _label(metric: str, label: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return next((sample.labels[label] for sample in samples if sample.name == metric), "")

    return read


def _page_setting(*keys: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        settings = re.search(r'<script type="application/json" id="config">(.*?)</script>', text, re.DOTALL)
        return _field(*keys)(settings[1]) if settings else ""

    return read


@dataclass(frozen=True)
class Question:
    """A request: the variable of the port, the path, and how to read the version from the response."""

    port: str
    path: str
    read: Callable[[str], str]


QUESTIONS = {
    "prometheus": Question("PROMETHEUS_PORT", "/api/v1/status/buildinfo", _field("data", "version")),
    "alertmanager": Question("ALERTMANAGER_PORT", "/api/v2/status", _field("versionInfo", "version")),
    "loki": Question("LOKI_PORT", "/loki/api/v1/status/buildinfo", _field("version")),
    "tempo": Question("TEMPO_PORT", "/api/status/buildinfo", _field("version")),
    "grafana": Question("GRAFANA_PORT", "/api/health", _field("version")),
    "bugsink": Question("BUGSINK_PORT", "/api/canonical/0/schema/?format=json", _field("info", "version")),
    "mailpit": Question("MAILPIT_PORT", "/api/v1/info", _field("Version")),
    "toxiproxy": Question("TOXIPROXY_PORT", "/version", _field("version")),
    "otel-collector": Question("OTEL_METRICS_PORT", "/metrics", _label("target_info", "service_version")),
}


def running(
    components: Iterable[Component],
    everything: Iterable[Part],
    variables: Mapping[str, str],
    started: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Return the version of each component that runs or has run once, by name.

    A natively built program has no version set at build time; it is read from the module data of its executable. For a
    component that reports nothing, the version is that in `started` (recorded by `up`, sandbox/engines/state.py).
    """
    modules = {part.name: part.module for part in everything}
    with httpx.Client(timeout=_SECONDS, trust_env=False, verify=direct.certificates()) as client:
        return {
            part.name: says(part.name, variables, client)
            or _made_from(part, modules.get(part.name, ""))
            or _noted(started.get(part.name, {}))
            for part in components
            if part.state in ("running", "completed", "exited")
        }


def _noted(started: Mapping[str, str]) -> str:
    return f"{started['version']}, as started" if "version" in started else NOT_TOLD


def says(name: str, variables: Mapping[str, str], client: httpx.Client) -> str:
    """Return the version that a component reports; empty if it does not respond or has none."""
    if name == "postgres":
        return _postgres(variables)
    question = QUESTIONS.get(name) or _own(name, variables)
    if question is None:
        return ""
    token = {"Authorization": f"Bearer {variables['BUGSINK_API_TOKEN']}"} if name == "bugsink" else {}
    try:
        answer = client.get(f"http://127.0.0.1:{variables[question.port]}{question.path}", headers=token)
        told = question.read(answer.raise_for_status().text)
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return ""
    # Mailpit reports "dev" if no version was set at build time.
    return "" if told == "dev" else told


def _own(name: str, variables: Mapping[str, str]) -> Question | None:
    """Return the request for the version.

    A service reports it in its /metrics, a frontend part on the page that the gateway serves.
    """
    if name.startswith("frontend-"):
        return Question("GATEWAY_PORT", "/", _page_setting("apps", name, "version"))
    port = f"{name.upper().replace('-', '_')}_PORT"
    return Question(port, "/metrics", _label("build_info", "version")) if port in variables else None


def _postgres(variables: Mapping[str, str]) -> str:
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=int(variables["POSTGRES_PORT"]),
            user="sandbox",
            password=variables["POSTGRES_PASSWORD"],
            dbname="sandbox",
            connect_timeout=_SECONDS,
        ) as connection:
            return str(connection.info.parameter_status("server_version") or "")
    except psycopg.Error:
        return ""


def _made_from(component: Component, module: str) -> str:
    """Return the module's version in the executable of a process of this machine; empty if unavailable."""
    go = shutil.which("go")
    if not go or not module or component.engine != "native" or not component.identity.isdigit():
        return ""
    try:
        executable = psutil.Process(int(component.identity)).exe()
        told = subprocess.run([go, "version", "-m", executable], capture_output=True, text=True, timeout=30, check=True)
    except (psutil.Error, OSError, subprocess.SubprocessError):
        return ""
    found = re.search(rf"^\t(?:mod|dep)\t{re.escape(module)}\t(\S+)", told.stdout, re.MULTILINE)
    return f"module {found[1]}" if found else ""
