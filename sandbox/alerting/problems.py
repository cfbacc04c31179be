"""What is wrong with a file of ours, in the form that editors and people can follow."""

from pathlib import Path
from typing import Any

import yaml

from sandbox.model import ROOT

__all__ = ["Problem", "line_with", "read_yaml"]


class Problem(Exception):
    """A file is refused; `line` counts from 1 and is 0 where no single line is to blame."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        place = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path
        return f"{place}:{self.line}: {self.reason}" if self.line else f"{place}: {self.reason}"


def read_yaml(path: Path) -> Any:
    """What a file of YAML says. Raises Problem, with the line at which it stops making sense."""
    try:
        return yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise Problem(path, mark.line + 1 if mark else 0, f"is no YAML: {getattr(error, 'problem', error)}") from None


def line_with(path: Path, text: str) -> int:
    """The first line that holds a text and is no comment, counted from 1; 0 when there is none."""
    lines = path.read_text().splitlines()
    return next((number for number, line in enumerate(lines, 1) if text in line and not line.startswith("#")), 0)
