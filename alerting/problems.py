"""What is wrong with a file of ours, in the form that editors and people can follow."""

from pathlib import Path

import yaml

__all__ = ["Problem", "line_of"]

ROOT = Path(__file__).resolve().parent.parent


class Problem(Exception):
    """A file is refused; `line` counts from 1 and is 0 where no single line is to blame."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(reason)
        self.path, self.line, self.reason = path, line, reason

    def __str__(self) -> str:
        place = self.path.relative_to(ROOT) if self.path.is_relative_to(ROOT) else self.path
        return f"{place}:{self.line}: {self.reason}" if self.line else f"{place}: {self.reason}"


def line_of(error: yaml.YAMLError) -> int:
    """The line at which YAML stopped making sense, counted from 1; 0 when it does not say."""
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 0
