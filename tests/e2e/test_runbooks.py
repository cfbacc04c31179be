"""Every query and every harmless command of the runbooks runs against the stack as it is."""

import re

import pytest

from sandbox.incidents import runbook
from sandbox.incidents.ask import Answer, Asker
from sandbox.model.stack import Stack
from sandbox_testing.polling import eventually
from sandbox_testing.stores import Prometheus
from tests.support.evidence import Evidence

# Metrics that exist only once what they count has happened.
ONCE_IT_HAPPENED = re.compile(
    r"otelcol_exporter_(send_failed|enqueue_failed)|otelcol_processor_dropped|discarded|slo:|alertmanager_notifications"
)


@pytest.fixture(scope="module")
def asker(stack: Stack):
    with Asker(stack) as one:
        yield one


@pytest.fixture(scope="module")
def answers_so_far() -> dict[str, Answer]:
    """Pages ask some questions alike; each is asked once."""
    return {}


@pytest.mark.parametrize("name", runbook.names())
def test_every_diagnosis_runs_as_pasted(
    asker: Asker, answers_so_far: dict[str, Answer], evidence: Evidence, name: str
) -> None:
    """Without this whoever is woken pastes a query that the store refuses."""
    answers = {}
    for block in runbook.read(name).blocks("Diagnosis"):
        if block.text not in answers_so_far:
            answers_so_far[block.text] = asker.ask(block)
        answers[block.text] = answers_so_far[block.text]

    evidence(queries=len(answers), rows=sum(len(answer.rows) for answer in answers.values()))
    assert answers
    assert [text for text, answer in answers.items() if not answer.ok] == []


def test_every_metric_that_a_runbook_names_exists(prometheus: Prometheus) -> None:
    """Without this a query is valid, answers nothing, and nothing looks like health."""
    named = {}
    for name in runbook.names():
        for block in runbook.read(name).blocks("Diagnosis"):
            if block.language == "promql":
                text = re.sub(r'"[^"]*"|\b(?:by|on|without)\s*\([^)]*\)|\{[^}]*\}|\[[^\]]*\]', " ", block.text)
                named |= dict.fromkeys(re.findall(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b|\bup\b", text), name)
    functions = {"histogram_quantile", "sort_desc", "count_over_time", "last_over_time"}

    def unknown() -> dict[str, str]:
        existing = set(prometheus.get("/api/v1/label/__name__/values")["data"])
        return {
            metric: page
            for metric, page in named.items()
            if metric not in existing | functions and not ONCE_IT_HAPPENED.search(metric)
        }

    assert len(named) > 20
    eventually("every metric of the runbooks in Prometheus", unknown, lambda missing: missing == {}, timeout=30.0)
