"""An error in a file of the repository, in a format that editors can parse."""

from pathlib import Path
from typing import Any

import yaml

from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml

__all__ = ["Problem", "line_with", "read_yaml"]


class Problem(Exception):
    """An invalid file. `line` counts from 1; it is 0 if no single line is the cause."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        place = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path
        return f"{place}:{self.line}: {self.reason}" if self.line else f"{place}: {self.reason}"


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file. Raises Problem with the line of a syntax error."""
    try:
        return parse_yaml(path.read_text())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Problem(path, mark.line + 1 if mark else 0, f"is no YAML: {getattr(error, 'problem', error)}") from None


def line_with(path: Path, text: str) -> int:
    """Return the number of the first line that contains `text` and is not a comment, from 1; 0 if there is none."""
    lines = path.read_text().splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line and not line.startswith("#")), 0)
