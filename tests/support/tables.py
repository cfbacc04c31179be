"""The tables of a page of documentation, as data."""

from pathlib import Path

__all__ = ["rows"]


def rows(page: Path, *columns: str) -> list[dict[str, str]]:
    """The rows of every table that has exactly these columns. Raises ``ValueError`` when the page has no such table."""
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
