"""Reads the services' code: messages are constant, fields are in the vocabulary, nothing is printed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry import events, vocabulary

SERVICES = Path(__file__).resolve().parents[2]
# The customer and the acquirer stand outside: they send nothing through the telemetry package.
OBSERVED = ("auth", "gateway", "payments", "kit", "telemetry")
METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
FILES = [path for name in OBSERVED for path in sorted((SERVICES / name).rglob("*.py")) if "tests" not in path.parts]


# Their exceptions speak to the person who starts a service or turns its schema back, and name what that person wrote.
FOR_OPERATORS = {"kit/settings.py", "kit/migrations.py"}
OPERATORS_ERRORS = {"ArgumentTypeError", "SystemExit"}


def log_calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method)) if method in METHODS:
                yield node


def is_event(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "events"
        and hasattr(events, node.attr)
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_lines_have_an_event_as_message_and_known_fields(path):
    for call in log_calls(path):
        place = f"{path.name}:{call.lineno}"
        assert is_event(call.args[0]), f"{place}: the message must be one of telemetry.events"
        assert len(call.args) == 1, f"{place}: what varies belongs in extra={{...}}"
        for keyword in call.keywords:
            if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
                fields = {key.value for key in keyword.value.keys if isinstance(key, ast.Constant)}
                assert fields <= vocabulary.LOG_FIELDS, f"{place}: add {fields - vocabulary.LOG_FIELDS} to LOG_FIELDS"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SERVICES)))
def test_nothing_is_printed_past_the_logger(path):
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def made_up(node: ast.AST) -> bool:
    """Whether a text is put together from values: an f-string with fields, `.format(...)`, or the operator `%`."""
    match node:
        case ast.JoinedStr(values=values):
            return any(isinstance(value, ast.FormattedValue) for value in values)
        case ast.Call(func=ast.Attribute(attr="format" | "format_map")):
            return True
        case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str())):
            return True
    return False


def raised(source: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield node.exc


def test_the_search_for_made_up_messages_finds_them():
    source = (
        'raise A(f"no {x}")\nraise B("no {}".format(x))\nraise C("no %s" % x)\nraise D(f"none")\nraise E(x, "none")'
    )
    found = [any(made_up(node) for node in ast.walk(call)) for call in raised(source)]
    assert found == [True, True, True, False, False]


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if str(path.relative_to(SERVICES)) not in FOR_OPERATORS],
    ids=lambda path: str(path.relative_to(SERVICES)),
)
def test_messages_of_our_exceptions_are_constant(path):
    """A value in a message is in every log and error tracker that the exception ever reaches."""
    for call in raised(path.read_text(encoding="utf-8")):
        if ast.unparse(call.func).rpartition(".")[2] not in OPERATORS_ERRORS:
            wrong = [ast.unparse(node) for node in ast.walk(call) if made_up(node)]
            assert wrong == [], f"{path.name}:{call.lineno}: keep the value in a field of the exception"
