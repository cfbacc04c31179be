"""docs/reference/metrics.md names every metric that this project's code writes, with its type, unit and labels."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sandbox.model import ROOT
from testing.vocabulary import Metric, vocabulary
from tests.support.tables import rows

PAGE = ROOT / "docs" / "reference" / "metrics.md"


class Documented(NamedTuple):
    """One metric as it is queried."""

    name: str
    kind: str
    unit: str
    labels: tuple[str, ...]
    owner: str


def queried(name: str, kind: str) -> str:
    """The name on the wire: prometheus-client adds what the type asks for."""
    return f"{name}_total" if kind == "counter" else name


def page(column: str, path: Path = PAGE) -> set[Documented]:
    found = rows(path, "metric", "type", "unit", "labels", column, "meaning")
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


def declared(metrics: Iterable[Metric]) -> set[Documented]:
    return {
        Documented(queried(one.name, one.kind), one.kind, one.unit, one.labels, ", ".join(one.services) or "all")
        for one in metrics
    }


def test_every_metric_that_is_declared_is_documented_and_no_other() -> None:
    """A service that was added later has its table in its own README."""
    pages = (ROOT / "services").glob("*/README.md")
    own = [page("services", path) for path in pages if "| metric | type |" in path.read_text(encoding="utf-8")]
    assert page("services").union(*own) == declared(vocabulary().metrics)


def test_every_metric_of_a_program_beside_the_services_is_documented_and_no_other() -> None:
    assert page("program") == declared(vocabulary().standalone)


def test_addresses_for_browsers_are_those_of_the_gateway() -> None:
    gateway = Path(ROOT / "services" / "gateway" / "app.py").read_text(encoding="utf-8")
    assert all(f'"{address}"' in gateway for address in ("/telemetry/errors", "/telemetry/traces"))
    assert "`POST /telemetry/errors`, `POST /telemetry/traces`" in PAGE.read_text(encoding="utf-8")
