"""Reads the tables of a page of documentation."""

from pathlib import Path

__all__ = ["rows"]


def rows(page: Path, *columns: str) -> list[dict[str, str]]:
    """Return the rows of every table with exactly these columns. Raises ``ValueError`` if there is none."""
    found: list[dict[str, str]] = []
    head: list[str] = []
    matched = False
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if cells and not head:
            head = cells
            matched = matched or head == list(columns)
        elif not cells:
            head = []
        elif head == list(columns) and set(line) - set("|-: "):
            found.append(dict(zip(head, cells, strict=True)))
    if not matched:
        raise ValueError(f"{page.name} has no table with the columns {columns}")
    return found
