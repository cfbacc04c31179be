"""Tests of the chart on a real node, which `make up ENGINE=kubernetes` has started."""

import pytest

from sandbox.engines.commands import read
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.engines.kubernetes.engine import KubernetesEngine
from sandbox.model import ROOT

STACK_IS_DOWN = 9


@pytest.fixture(scope="session")
def engine() -> KubernetesEngine:
    found = KubernetesEngine(*read(ROOT))
    if not found.node.runs():
        pytest.exit("no Kubernetes node runs. Start the stack: make up ENGINE=kubernetes", STACK_IS_DOWN)
    return found


@pytest.fixture(scope="session")
def cluster(engine: KubernetesEngine) -> Cluster:
    return engine.cluster
