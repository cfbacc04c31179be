"""docs/reference/metrics.md names every metric that this project's code writes, with its type, unit and labels."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.model import ROOT
from sandbox.model.catalog import catalog, vocabulary
from tests.support.tables import rows

PAGE = ROOT / "docs" / "reference" / "metrics.md"
KINDS = ("Counter", "Gauge", "Histogram")


class Documented(NamedTuple):
    """One metric as it is queried."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    owner: str


def queried(name: str, kind: str, unit: str = "") -> str:
    """The name on the wire: prometheus-client adds what the type and the unit ask for."""
    ending = f"_{unit}" if unit and not name.endswith(f"_{unit}") else ""
    return f"{name}{ending}{'_total' if kind == 'counter' else ''}"


def page(column: str) -> set[Documented]:
    found = rows(PAGE, "metric", "type", "unit", "labels", column, "meaning")
    assert all(len(row["meaning"]) > 3 for row in found)
    return {
        Documented(
            row["metric"].strip("`"),
            row["type"],
            row["unit"].replace("-", ""),
            tuple(label.strip("` ") for label in row["labels"].split(",") if label.strip() != "-"),
            row[column],
        )
        for row in found
    }


def made_beside_the_vocabulary() -> Iterator[Documented]:
    """The metrics that a program makes by calling prometheus-client itself."""
    for service in catalog():
        for file in sorted((ROOT / "services" / service).glob("*.py")):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            names = {n.targets[0].id: n.value for n in ast.walk(tree) if isinstance(n, ast.Assign) and _is_name(n)}
            for call in ast.walk(tree):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in KINDS:
                    yield _metric(call, names, service)


def _is_name(assignment: ast.Assign) -> bool:
    return isinstance(assignment.targets[0], ast.Name)


def _metric(call: ast.Call, names: dict[str, Any], service: str) -> Documented:
    unit = next((ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg == "unit"), "")
    labels = call.args[2] if len(call.args) > 2 else ast.Tuple([])
    labels = names[labels.id] if isinstance(labels, ast.Name) else labels
    name, kind = ast.literal_eval(call.args[0]), call.func.id.lower()
    return Documented(queried(name, kind, unit), kind, unit, tuple(ast.literal_eval(labels)), service)


def test_every_metric_of_the_vocabulary_is_documented_and_no_other() -> None:
    assert page("services") == {
        Documented(queried(one.name, one.kind), one.kind, one.unit, one.labels, ", ".join(one.services) or "all")
        for one in vocabulary().METRICS
    }


def test_every_metric_of_a_program_beside_the_services_is_documented_and_no_other() -> None:
    existing = set(made_beside_the_vocabulary())
    assert len(existing) > 5
    assert page("program") == existing


def test_addresses_for_browsers_are_those_of_the_gateway() -> None:
    gateway = Path(ROOT / "services" / "gateway" / "app.py").read_text(encoding="utf-8")
    assert all(f'"{address}"' in gateway for address in ("/telemetry/errors", "/telemetry/traces"))
    assert "`POST /telemetry/errors`, `POST /telemetry/traces`" in PAGE.read_text(encoding="utf-8")
