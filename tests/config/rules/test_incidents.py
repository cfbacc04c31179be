"""Every rule, panel and runbook is asked while its incident's series are there, of all kinds at once.

In peace most of them have nothing to look at, and an expression that Prometheus refuses over two series of one counter
is found by the person who follows the runbook. Here a real Prometheus scrapes each metric that any expression names,
with every value that the expression's selectors can match.
"""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, product
from pathlib import Path
from re import _constants as kinds
from re import _parser as regex
from typing import Any

import httpx
import pytest
import yaml

from sandbox.dashboards.queries import dashboards, queries_of, values_of
from sandbox.engines.native.programs import program
from sandbox.incidents import runbook
from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml
from sandbox_testing import Prometheus, eventually
from testing.process import free_port
from tests.config.rules.paging import started
from tests.support.promql import selectors

RULES = sorted(path for of in ("rules", "generated/sandbox") for path in (ROOT / "prometheus" / of).glob("*.yml"))
EXPORTERS = ("otlp_grpc/tempo", "otlp_http/loki", "otlp_http/prometheus")
# Labels by which the parts tell their own series apart: every one of them there at once.
VARIANTS: Mapping[str, Sequence[Mapping[str, str]]] = {
    "otelcol_receiver_": (
        {"receiver": "otlp", "transport": "grpc"}, {"receiver": "otlp", "transport": "http"}, {"receiver": "file_log"},
    ),
    "otelcol_exporter_": tuple({"exporter": name} for name in EXPORTERS),
    "otelcol_": ({},),
    "": ({"service": "payments"}, {"service": "gateway"}),
}  # fmt: skip
# What stands for any value at all.
ANY = "any"


@dataclass(frozen=True)
class Asked:
    """One expression and who asks it."""

    who: str
    expression: str


def asked() -> list[Asked]:
    """Those of rules, runbooks and dashboards."""
    rules = [
        Asked(f"{path.name}: {rule.get('alert') or rule['record']}", rule["expr"])
        for path in RULES
        for group in parse_yaml(path.read_text())["groups"]
        for rule in group["rules"]
    ]
    pages = [
        Asked(f"runbooks/{name}.md", block.text)
        for name in runbook.names()
        for block in runbook.read(name).blocks("Diagnosis")
        if block.language == "promql"
    ]
    panels = [
        Asked(str(query), query.expression)
        for board in dashboards().values()
        for query in queries_of(board, values_of(board, {"service": "payments"}))
        if query.store == "prometheus"
    ]
    return [*rules, *pages, *panels]


def words(pattern: str) -> list[str]:
    """What a regular expression of a selector can match: every alternative, and `any` for what may be anything."""
    return [*dict.fromkeys(_words(regex.parse(pattern)))]


def _words(parsed: Any) -> list[str]:
    return ["".join(parts) for parts in product(*(_alternatives(kind, value) for kind, value in parsed))] or [""]


def _alternatives(kind: Any, value: Any) -> list[str]:
    if kind is kinds.LITERAL:
        return [chr(value)]
    if kind is kinds.BRANCH:
        return [word for branch in value[1] for word in _words(branch)]
    if kind is kinds.SUBPATTERN:
        return _words(value[3])
    if kind is kinds.IN:
        return [chr(one) if of is kinds.LITERAL else "0" for of, one in value]
    if kind in (kinds.MAX_REPEAT, kinds.MIN_REPEAT):
        least, _, repeated = value
        if repeated[0][0] is kinds.ANY:
            return [ANY]
        return [*([""] if least == 0 else []), *_words(repeated)]
    return ["0"]


def series(name: str, matchers: Sequence[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """The label sets of one metric: each way in which the selector can match, in each of its variants."""
    wanted: dict[str, list[str]] = {}
    for one in matchers:
        if one["name"] != "__name__" and one["type"] in ("=", "=~"):
            wanted[one["name"]] = words(one["value"]) if one["type"] == "=~" else [one["value"]]
    variants = next(kind for prefix, kind in VARIANTS.items() if name.startswith(prefix))
    buckets: Sequence[Mapping[str, str]] = ({"le": "1"}, {"le": "+Inf"}) if name.endswith("_bucket") else ({},)
    for values in product(*wanted.values()):
        chosen = {label: value for label, value in zip(wanted, values, strict=True) if value}
        for variant, bucket in product(variants, buckets):
            yield {"service": "otel-collector", "team": "payments", **variant, **bucket, **chosen}


def page_of(prometheus: Prometheus, expressions: Sequence[Asked]) -> list[str]:
    """Every series of every metric that is asked for and that no rule records, as a page of metrics writes it."""
    lines: dict[str, None] = {}
    for one in expressions:
        for matchers in selectors(prometheus, one.expression):
            [named] = [matcher for matcher in matchers if matcher["name"] == "__name__"]
            for name in words(named["value"]) if named["type"] == "=~" else [named["value"]]:
                if ":" not in name and name not in ("up", "ALERTS", "ALERTS_FOR_STATE", ANY):
                    for labels in series(name, matchers):
                        written = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
                        lines[f"{name}{{{written}}}"] = None
    return [*lines]


@pytest.fixture(scope="module")
def incident(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus with this project's rules, over everything that can go wrong at once."""
    folder, page, ticks = tmp_path_factory.mktemp("incident"), list[str](), count(1)

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tick = next(ticks)
            body = "".join(f"{line} {tick * number}\n" for number, line in enumerate(page, 1)).encode()
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with _prometheus(folder, server.server_port) as running:
            page += page_of(running, asked())
            assert len(page) > 300
            recorded = "count(telemetry:discarded:increase1m > 0)"
            eventually("the losses to be recorded", lambda: running.value(recorded), lambda n: n > 20, timeout=60.0)
            yield running
        server.shutdown()


def _prometheus(folder: Path, scraped: int) -> Any:
    job = {
        "job_name": "services", "honor_labels": True, "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}],
    }  # fmt: skip
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in RULES],
        "scrape_configs": [job],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        program("IMAGE_PROMETHEUS", "/bin/prometheus"), f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address={url.removeprefix('http://')}",
    ]  # fmt: skip
    return _Running(command, url, folder / "prometheus.log")


class _Running:
    """The client of a Prometheus that runs until the block ends."""

    def __init__(self, command: list[str | Path], url: str, log: Path) -> None:
        self._program, self._client = started(command, url, "/-/ready", log), Prometheus(url)

    def __enter__(self) -> Prometheus:
        self._program.__enter__()
        return self._client

    def __exit__(self, *about: object) -> None:
        self._client.close()
        self._program.__exit__(*about)


def refused(prometheus: Prometheus, expressions: Sequence[Asked]) -> dict[str, str]:
    """Who asks something that the store refuses, and why."""
    problems = {}
    for one in expressions:
        try:
            prometheus.query(one.expression)
        except httpx.HTTPStatusError as error:
            problems[one.who] = f"{error.response.json()['error']}: {one.expression}"
    return problems


def test_every_question_is_answered_while_its_incident_is_there(incident: Prometheus) -> None:
    assert refused(incident, asked()) == {}


def test_every_rule_is_evaluated_while_its_incident_is_there(incident: Prometheus) -> None:
    def rules() -> list[dict[str, Any]]:
        return incident.get("/api/v1/rules")["data"]["groups"]

    told = {rule["name"]: rule["lastError"] for group in rules() for rule in group["rules"] if rule.get("lastError")}
    assert told == {}
    eventually(
        "every rule to be evaluated",
        lambda: {rule["health"] for group in rules() for rule in group["rules"]},
        lambda found: found == {"ok"},
    )


def test_question_that_was_right_in_peace_only_is_found(incident: Prometheus) -> None:
    old = 'sum by (__name__) (rate({__name__=~"otelcol_receiver_refused_(spans|log_records)_total"}[1m]))'
    [problem] = refused(incident, [Asked("a page", old)]).values()
    assert "same labelset" in problem


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("lost|refused", ["lost", "refused"]),
        ("of_(a|b)_spans(_total)?", ["of_a_spans", "of_a_spans_total", "of_b_spans", "of_b_spans_total"]),
        ("5..", ["500"]),
        (".+", [ANY]),
        (".+BudgetBurn", [f"{ANY}BudgetBurn"]),
    ],
)  # fmt: skip
def test_words_of_a_pattern_are_those_that_it_matches(pattern: str, matched: list[str]) -> None:
    assert words(pattern) == matched
    assert all(re.fullmatch(pattern, word) for word in matched)
