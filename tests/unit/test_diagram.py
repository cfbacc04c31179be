"""The picture of who talks to whom is the topology's."""

from stack.compose import read_topology
from stack.diagram import diagram
from tests.support.project import ROOT


def test_diagram_of_the_page_is_made_from_the_topology() -> None:
    page = (ROOT / "docs" / "signals.md").read_text(encoding="utf-8")
    made = diagram(read_topology(ROOT, {}))
    assert page.partition("```mermaid\n")[2].partition("\n```")[0] == made, "run `python -m stack.diagram`"
    assert "  payments -- spans, log file --> otel-collector" in made
    assert "  otel-collector --> tempo" in made
