"""Generates the dashboards' JSON for Grafana, and checks it."""

import json
from collections.abc import Mapping
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from sandbox.dashboards.boards import BOARDS
from sandbox.dashboards.check import check_files, check_queries
from sandbox.dashboards.queries import FOLDER, panels_of

__all__ = ["check", "generate", "generated"]


def generated() -> Mapping[str, str]:
    """Return file name -> content of every dashboard."""
    return {f"{board.uid}.json": _json(board) for board in (make().build() for make in BOARDS)}


def _json(board: Dashboard) -> str:
    plain = json.loads(json.dumps(board, cls=JSONEncoder))
    _drop_what_grafana_13_does_not_know(plain)
    for panel in [*plain["panels"], *panels_of(plain)]:
        _drop_defaults(panel)
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _drop_what_grafana_13_does_not_know(board: dict[str, Any]) -> None:
    """Remove fields that Grafana 13 no longer has; the library is for an earlier version.

    sandbox/dashboards/typecheck finds such fields.
    """
    for variable in board["templating"].get("list", []):
        for key in ("auto", "auto_count", "auto_min"):
            variable.pop(key, None)
    for panel in panels_of(board):
        if panel["type"] == "table":
            del panel["options"]["footer"]
            # Whole rows and pagination, instead of a row that is cut in half.
            panel["options"]["enablePagination"] = True


def _drop_defaults(panel: dict[str, Any]) -> None:
    """Remove fields with Grafana's default values: a third of the file, of no use to a reader of a change."""
    options = {"justifyMode", "orientation", "percentChangeColorMode", "showPercentChange", "wideLayout", "textMode"}
    for key in options & panel.get("options", {}).keys():
        if panel["options"][key] in ("auto", "standard", False, True):
            del panel["options"][key]
    for key in ("transparent", "repeatDirection"):
        panel.pop(key, None)
    for target in panel.get("targets", []):
        for key in [key for key, value in target.items() if value is False or value == []]:
            del target[key]


def check() -> None:
    """Raise Problem for an invalid query and for a file that is not as generated."""
    wanted = generated()
    check_queries({name: json.loads(text) for name, text in wanted.items()})
    check_files(wanted)


def generate() -> None:
    """Write grafana/dashboards."""
    FOLDER.mkdir(exist_ok=True)
    wanted = generated()
    for path in FOLDER.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (FOLDER / name).write_text(content)
