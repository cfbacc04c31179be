"""Metrics in PromQL expressions, found with Prometheus's own parser, and those that do not exist."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox_testing import Prometheus
from testing.vocabulary import vocabulary

__all__ = ["absent_metrics", "names", "selectors"]

# Failures and changes in the collector; their series exist from the first occurrence.
FAILURES = {"collector_items_discarded_total", "collector_items_truncated_total"} | {
    f"otelcol_exporter_{what}_failed_{signal}_total"
    for what in ("enqueue", "send")
    for signal in ("spans", "log_records", "metric_points")
}
# Tempo first counts its blocks five minutes after its start.
LATER = {"tempodb_blocklist_length"}


def names(prometheus: Prometheus, expression: str) -> set[str]:
    """Return the pattern of every metric name in an expression; a plain name is its own pattern."""
    return {_name(matchers) for matchers in selectors(prometheus, expression)}


def selectors(prometheus: Prometheus, expression: str) -> list[list[Mapping[str, str]]]:
    """Return the matchers of every selector in an expression, each with name, type (=, !=, =~, !~) and value."""
    tree = prometheus.get("/api/v1/parse_query", query=expression)["data"]
    return [node["matchers"] for node in _nodes(tree) if node.get("type") in ("vectorSelector", "matrixSelector")]


def absent_metrics(prometheus: Prometheus, expressions: Mapping[str, str]) -> tuple[int, dict[str, str]]:
    """Return the number of names in all expressions, and those that Prometheus has never stored.

    The latter map to the source of the expression. A counter with labels has no series before its first event; its name
    must be in the vocabulary, or in the sets above.
    """
    known = set(prometheus.get("/api/v1/label/__name__/values")["data"])
    known |= {f"{metric.name}_total" for metric in vocabulary().metrics if metric.kind == "counter"}
    known |= FAILURES | LATER
    asked = {name: who for who, expression in expressions.items() for name in names(prometheus, expression)}
    return len(asked), {
        name: who for name, who in asked.items() if not any(re.fullmatch(name, one, re.ASCII) for one in known)
    }


def _name(matchers: list[Mapping[str, str]]) -> str:
    [found] = [one for one in matchers if one["name"] == "__name__"]
    return found["value"] if found["type"] == "=~" else re.escape(found["value"])


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _nodes(value)
    elif isinstance(node, list):
        for one in node:
            yield from _nodes(one)
