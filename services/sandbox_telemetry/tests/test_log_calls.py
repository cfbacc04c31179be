"""Static checks of the services' code: messages are constants, fields are declared, nothing is printed."""

import ast
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import yaml

from sandbox_telemetry.events import Event
from testing.vocabulary import vocabulary

SERVICES = Path(__file__).resolve().parents[2]
CATALOG = yaml.safe_load((SERVICES / "catalog.yml").read_text())["services"]
LOGGING = (*CATALOG, "kit", "sandbox_telemetry")
METHODS = {"debug", "info", "warning", "error", "exception", "critical"}
FILES = [path for name in LOGGING for path in sorted((SERVICES / name).rglob("*.py")) if "tests" not in path.parts]


# Their exceptions address the person who starts a service or downgrades its schema, and quote that person's input.
FOR_OPERATORS = {
    "kit/migrations.py",
    # The tracker receives this error as the response; it names the missing part.
    "relay/alerts.py",
    "sandbox_telemetry/events.py",
    "sandbox_telemetry/names.py",
    "sandbox_telemetry/settings.py",
}
OPERATORS_ERRORS = {"ArgumentTypeError", "SystemExit"}


def log_calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method)) if method in METHODS:
                yield node


def declaring(path: Path, module: str) -> ModuleType:
    """Return the module that `events` or `signals` means in a file: the shared one, or that of the file's folder."""
    folder = path.relative_to(SERVICES).parts[0]
    return import_module("sandbox_telemetry.events" if module == "events" else f"{folder}.signals")


def is_event(node: ast.expr, path: Path) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("events", "signals")
        and isinstance(getattr(declaring(path, node.value.id), node.attr, None), Event)
    )


def complaints(path: Path) -> Iterator[str]:
    """Yield the violations in a file's logger calls."""
    for call in log_calls(path):
        place = f"{path.relative_to(SERVICES)}:{call.lineno}"
        if not is_event(call.args[0], path):
            yield f"{place}: the message must be an event, of `events` or of the service's `signals`"
        if len(call.args) > 1:
            yield f"{place}: what varies belongs in extra={{...}}"
        for keyword in call.keywords:
            if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
                fields = {key.value for key in keyword.value.keys if isinstance(key, ast.Constant)}
                if unknown := fields - vocabulary().log_fields:
                    yield f"{place}: declare {unknown}"


def test_lines_have_an_event_as_message_and_known_fields():
    assert any(True for path in FILES for _ in log_calls(path))
    assert [complaint for path in FILES for complaint in complaints(path)] == []


def test_each_mistake_in_a_call_of_the_logger_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "SERVICES", tmp_path)
    file = tmp_path / "orders.py"
    arguments = ('"paid"', "events.SETTINGS_REFUSED, 7", 'events.SETTINGS_REFUSED, extra={"nobody": 1}')
    file.write_text("\n".join(f"log.info({one})" for one in arguments))
    assert [line.partition(": ")[0] for line in complaints(file)] == ["orders.py:1", "orders.py:2", "orders.py:3"]


def test_nothing_is_printed_past_the_logger():
    printed = [
        f"{path.relative_to(SERVICES)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printed == []


def made_up(node: ast.AST) -> bool:
    """Return whether a text is built from values: an f-string with fields, `.format(...)`, or the operator `%`."""
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


def test_messages_of_our_exceptions_are_constant():
    """A value in a message reaches every log and error tracker that gets the exception: use a field."""
    wrong = [
        f"{name}:{call.lineno}: {ast.unparse(node)}"
        for path in FILES
        if (name := str(path.relative_to(SERVICES))) not in FOR_OPERATORS
        for call in raised(path.read_text(encoding="utf-8"))
        if ast.unparse(call.func).rpartition(".")[2] not in OPERATORS_ERRORS
        for node in ast.walk(call)
        if made_up(node)
    ]
    assert wrong == []
