"""Returns what each panel displays: the stores' results, processed by Grafana's own code (reader/)."""

import json
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values

from sandbox.dashboards.queries import filled, panels_of, values_of
from sandbox.model.stack import Stack
from sandbox_testing.stores import Loki, Prometheus, Tempo

__all__ = ["here", "read", "texts"]

READER = Path(__file__).with_name("reader")
NANOSECONDS = 1_000_000_000
# Maximum rows of log lines and of traces; more would add nothing.
MOST = 100


def read(
    boards: Iterable[Mapping[str, Any]],
    stack: Stack,
    variables: Mapping[str, str] | None = None,
    *,
    minutes: float = 15,
) -> list[list[dict[str, Any]]]:
    """Return what each panel of each dashboard shows now: type, title, and one of

    - ``empty``: the text of a panel without data,
    - ``entries``: [{name, told, links}] of a figure, gauge, graph or timeline. Of a graph, ``told`` are the values in
      the legend and ``points`` those in the tooltip; of a timeline, the states, with their ``colours``,
    - ``columns``: [{heading, cells, links}] of a table,
    - ``lines``: [text].

    Traces are left out. Raises ``ValueError`` if Grafana's code rejects a panel.
    """
    asked = []
    with _Stores(stack, minutes) as stores:
        for board in boards:
            values = values_of(board, variables, seconds=minutes * 60, step=stores.step)
            panels = [
                {"panel": panel, "answers": [stores.answer(target, values) for target in panel["targets"]]}
                for panel in panels_of(board)
                if panel["type"] != "traces"
            ]
            asked.append({"variables": values, "panels": panels})
    return _as_grafana_shows(asked)


def _as_grafana_shows(asked: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Run reader/read.mjs and return its output. Its packages are installed once, from its lock."""
    lock, installed = READER / "package-lock.json", READER / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=READER, check=True)
        installed.touch()
    command = ["node", str(READER / "read.mjs")]
    answer = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if answer.returncode:
        raise ValueError(f"Grafana's code refuses a panel:\n{answer.stderr}")
    return json.loads(answer.stdout)


def texts(panel: Mapping[str, Any]) -> Iterator[str]:
    """Return every text of a panel that was read."""
    yield panel["title"]
    yield from filter(None, [panel.get("empty")])
    yield from panel.get("lines", [])
    for entry in panel.get("entries", []):
        yield from [entry["name"], *entry["told"], *entry.get("points", [])]
    for column in panel.get("columns", []):
        yield from [column["heading"], *column["cells"]]


class _Stores:
    """Queries the stores of the running stack like Grafana's data sources, over the last minutes."""

    def __init__(self, stack: Stack, minutes: float) -> None:
        self.end = time.time()
        self.start = self.end - minutes * 60
        self.step = max(5.0, minutes * 60 / 240)
        self._all = {kind: store(stack.url(kind)) for kind, store in _KINDS.items()}

    def __enter__(self) -> "_Stores":
        return self

    def __exit__(self, *_: object) -> None:
        for store in self._all.values():
            store.close()

    def answer(self, target: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
        """Return a target and its rows.

        Prometheus: {metric, value or values}. Tempo: {traceID, …}. Loki: lines for log queries, otherwise as
        Prometheus.
        """
        expression = filled(target.get("expr") or target["query"], values)
        return {"target": target, "rows": getattr(self, f"_{target['datasource']['type']}")(expression, target)}

    def _prometheus(self, expression: str, target: Mapping[str, Any]) -> Sequence[Any]:
        get = self._all["prometheus"].get
        if target.get("instant"):
            return get("/api/v1/query", query=expression, time=self.end)["data"]["result"]
        span = {"start": self.start, "end": self.end, "step": self.step}
        return get("/api/v1/query_range", query=expression, **span)["data"]["result"]

    def _loki(self, expression: str, _: Mapping[str, Any]) -> Sequence[Any]:
        span = {"start": int(self.start * NANOSECONDS), "end": int(self.end * NANOSECONDS), "step": max(self.step, 15)}
        data = self._all["loki"].get("/loki/api/v1/query_range", query=expression, limit=MOST, **span)["data"]
        if data["resultType"] == "matrix":
            return data["result"]
        return [line for stream in data["result"] for _, line, *_ in stream["values"]]

    def _tempo(self, expression: str, _: Mapping[str, Any]) -> Sequence[Any]:
        span = {"start": int(self.start), "end": int(self.end) + 1}
        return self._all["tempo"].get("/api/search", q=expression, limit=MOST, **span).get("traces") or []


_KINDS = {"prometheus": Prometheus, "loki": Loki, "tempo": Tempo}


def here(stack: Stack, url: str) -> str:
    """Convert a link out of a dashboard from the ports of .env to those of this run."""
    written = {value: stack.settings[name] for name, value in dotenv_values(stack.root / ".env").items()}
    place = urlsplit(url).netloc
    return url.replace(place, f"127.0.0.1:{written[place.rpartition(':')[2]]}", 1)
