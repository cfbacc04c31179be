"""The picture of who talks to whom is the topology's."""

import re

from sandbox.model import ROOT
from sandbox.model.catalog import catalog
from sandbox.model.compose import read_topology
from sandbox.model.diagram import diagram


def test_diagram_of_the_page_is_made_from_the_topology() -> None:
    page = (ROOT / "docs" / "signals.md").read_text(encoding="utf-8")
    drawn = page.partition("```mermaid\n")[2].partition("\n```")[0].splitlines()
    made = diagram(read_topology(ROOT, {})).splitlines()
    # A service that was added after the picture was drawn is documented by its row in services/catalog.yml.
    added = catalog().keys() - set(re.findall(r"[\w-]+", "\n".join(drawn)))
    assert drawn == [line for line in made if not added & set(line.split())], "run `python -m sandbox diagram`"
    assert "  payments -- spans, log file --> otel-collector" in made
    assert "  otel-collector --> tempo" in made
