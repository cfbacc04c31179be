"""Reads the tables of docs/reference/scrubbing.md."""

from dataclasses import dataclass

from sandbox.model import ROOT

__all__ = ["PAGE", "Shape", "table"]

PAGE = (ROOT / "docs" / "reference" / "scrubbing.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Shape:
    """A row of a table with four columns; `example` is without its quotes."""

    what: str
    example: str
    process: str
    collector: str


def table(heading: str) -> list[Shape]:
    """Return the rows of the table below a heading, without its header row."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    what = [[cell.strip() for cell in row] for row in rows[2:]]
    return [Shape(first, example.strip("`"), process, collector) for first, example, process, collector in what]
