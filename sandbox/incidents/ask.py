"""Runs the queries and commands of a runbook."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from typing import Any

import httpx
import psycopg

from sandbox.incidents.runbook import Block
from sandbox.model.stack import Stack
from sandbox_testing import direct
from sandbox_testing.stores import Loki, Prometheus, Tempo

__all__ = ["OF_TRACKER", "Answer", "Asker"]

LOOK_BACK = 900.0
COMMAND_SECONDS = 180
# Alerts from the error tracker through services/relay. They do not exist in Prometheus.
OF_TRACKER = ("NewErrorIssue", "RegressedErrorIssue")
_DATABASE = re.compile(r"^-- database: (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """The result of a block.

    `rows` is its text. `ok` is False if the store rejected the query or the command failed.
    """

    rows: tuple[str, ...]
    ok: bool = True


class Asker:
    """Queries the stores of a running stack; use it with ``with``."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.prometheus = Prometheus(stack.url("prometheus"))
        self.loki = Loki(stack.url("loki"))
        self.tempo = Tempo(stack.url("tempo"))

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, *_: object) -> None:
        for store in (self.prometheus, self.loki, self.tempo):
            store.close()

    def news(self, alert: str, since: float) -> list[dict[str, Any]]:
        """Return the error tracker's alerts since a time.

        Each has `name`, `service`, `severity`, `firing` and `last`.
        """
        address = f"{self.stack.url('alertmanager')}/api/v2/alerts"
        rows = direct.get(address, params={"filter": f'alertname="{alert}"'}, timeout=10.0).raise_for_status().json()
        found = []
        for row in rows:
            labels = row["labels"]
            began, last = (datetime.fromisoformat(row[key]).timestamp() for key in ("startsAt", "updatedAt"))
            if began >= since:
                one = {"name": alert, "service": labels["service"], "severity": labels["severity"]}
                found.append({**one, "firing": began, "last": max(began, last)})
        return found

    def ask(self, block: Block) -> Answer:
        """Run a query or a command. An unreachable store is a result too: it may be the incident."""
        ways = {
            "promql": self._promql,
            "logql": self._logql,
            "traceql": self._traceql,
            "sql": self._sql,
            "sh": self.run,
        }
        try:
            return ways[block.language](block.text)
        except (httpx.HTTPError, psycopg.Error, ValueError) as error:
            return Answer(((str(error).splitlines() or [type(error).__name__])[0],), ok=False)

    def run(self, command: str) -> Answer:
        """Run a command of a runbook in the folder of the checkout, as if pasted into a shell.

        The ports of the stack are in its environment.
        """
        # Removes make's variables, so that a `make` in the command is not treated as a part of an outer `make`.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
        environment |= {name: value for name, value in self.stack.settings.items() if name.endswith("_PORT")}
        try:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=self.stack.root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Answer((f"it did not end within {COMMAND_SECONDS} s",), ok=False)
        return Answer(tuple(done.stdout.splitlines()), ok=done.returncode == 0)

    def _promql(self, text: str) -> Answer:
        # Largest value first; NaN (no traffic) last.
        samples = sorted(self.prometheus.query(text), key=lambda one: (isnan(one.value), -one.value))
        return Answer(tuple(f"{_labels(one.labels)} {one.value:.4g}".strip() for one in samples))

    def _logql(self, text: str) -> Answer:
        now = time.time()
        if re.match(r"(sum|topk|count_over_time|rate|avg|max)\b", text):
            result = self.loki.get("/loki/api/v1/query", query=text, time=now)["data"]["result"]
            return Answer(tuple(f"{_labels(row['metric'])} {float(row['value'][1]):.4g}" for row in result))
        lines = self.loki.lines(text, now - LOOK_BACK)
        return Answer(tuple(line.body for line in reversed(lines)))

    def _traceql(self, text: str) -> Answer:
        now = time.time()
        query = {"q": text, "start": int(now - LOOK_BACK), "end": int(now) + 1, "limit": 20}
        traces = self.tempo.get("/api/search", **query).get("traces") or []
        return Answer(
            tuple(
                f"{one['traceID'].zfill(32)} {one.get('rootServiceName', '')} {one.get('rootTraceName', '')}"
                f" {one.get('durationMs', 0)} ms"
                for one in traces
            )
        )

    def _sql(self, text: str) -> Answer:
        found = _DATABASE.search(text)
        assert found, text
        with psycopg.connect(self.stack.database(found[1]), autocommit=True) as connection:
            cursor = connection.execute(text)
            names = [column.name for column in cursor.description or ()]
            rows = cursor.fetchall() if cursor.description else []
        return Answer(tuple(", ".join(f"{n}={v}" for n, v in zip(names, row, strict=True)) for row in rows))


def _labels(labels: dict[str, str]) -> str:
    shown = {name: value for name, value in labels.items() if name not in ("__name__", "instance", "job")}
    name = labels.get("__name__", "")
    return name + ("{" + ", ".join(f"{key}={value}" for key, value in sorted(shown.items())) + "}" if shown else "")
