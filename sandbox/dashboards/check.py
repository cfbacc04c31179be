"""Checks the dashboards before a restart: files that differ from the generated ones, invalid queries."""

import inspect
import tempfile
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

from sandbox.alerting.lint import judged
from sandbox.alerting.problems import Problem, line_with
from sandbox.dashboards.boards import BOARDS
from sandbox.dashboards.queries import FOLDER, Query, queries_of, values_of

__all__ = ["check_files", "check_queries"]

HEAD = "groups: [{name: panels, rules: ["


def check_files(wanted: Mapping[str, str], folder: Path = FOLDER) -> None:
    """Raise Problem for the first file that is missing, not as generated, or without a dashboard."""
    present = {path.name: path.read_text() for path in folder.glob("*.json")}
    for name in sorted(wanted.keys() | present.keys()):
        if name not in wanted:
            raise Problem(folder / name, 0, "belongs to no dashboard. Run: make generate")
        if name not in present:
            raise Problem(folder / name, 0, "is missing. Run: make generate")
        lines = zip_longest(present[name].splitlines(), wanted[name].splitlines(), fillvalue="nothing")
        for number, (found, right) in enumerate(lines, 1):
            if found != right:
                said = f"is not as generated: {found.strip()} must be {right.strip()}. Run: make generate"
                raise Problem(folder / name, number, said)


def check_queries(boards: Mapping[str, dict[str, Any]]) -> None:
    """Raise Problem, with the location of the panel, for the first invalid PromQL query."""
    queries = [
        one for board in boards.values() for one in queries_of(board, values_of(board)) if one.store == "prometheus"
    ]
    # One line each, so that promtool's line number identifies the query.
    rules = [f"{{record: a{number}, expr: {_quoted(one)}}}," for number, one in enumerate(queries)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "panels.yml")
        path.write_text("\n".join([HEAD, *rules, "]}]"]))
        try:
            judged("IMAGE_PROMETHEUS", "/bin/promtool", path, "check", "rules", "--lint=none", path)
        except Problem as problem:
            query = queries[problem.line - 2]
            reason = problem.reason.partition("could not parse expression: ")[2] or problem.reason
            source = _source(query.dashboard)
            said = f"{query.panel} {query.reference} is no PromQL: {reason}: {query.expression}"
            raise Problem(source, line_with(source, f'"{query.panel}"'), said) from None


def _quoted(query: Query) -> str:
    return yaml.safe_dump(query.expression, default_style='"', width=1_000_000, allow_unicode=True).strip()


def _source(uid: str) -> Path:
    """Return the module that defines a dashboard."""
    [make] = [make for make in BOARDS if make().build().uid == uid]
    return Path(inspect.getfile(make))
