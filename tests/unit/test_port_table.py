"""The port table is the topology's, neither more nor less."""

from pathlib import Path

import pytest

from sandbox.model import ROOT
from sandbox.model.catalog import catalog
from sandbox.model.compose import read_topology
from tests.support.ports import documented_ports

PAGE = ROOT / "docs" / "reference" / "ports.md"


def test_every_published_port_is_documented_with_its_variable() -> None:
    services = read_topology(ROOT, {}).services.values()
    published = {(port.published, port.variable, one.name) for one in services for port in one.ports}
    documented = {(row.port, row.variable, row.component) for row in documented_ports(PAGE) if row.engine == "both"}
    # A service that was added after the table was written is documented by its row in services/catalog.yml.
    added = {(row.port, f"{name.upper()}_PORT", name) for name, row in catalog().items()} - documented
    assert documented == published - added


def test_every_documented_port_is_used_once() -> None:
    ports = [row.port for row in documented_ports(PAGE)]
    assert len(ports) == len(set(ports))


def test_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "ports.md"
    page.write_text("| port | name |\n|---|---|\n| 1 | a |\n")
    with pytest.raises(ValueError, match="has the columns"):
        documented_ports(page)
