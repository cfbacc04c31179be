"""The variables that are interpolated into docker-compose.yml.

Precedence, lowest first: .env, .env.local, the versions selected by `make release`, the environment. Of the
environment, names that other programs also read are ignored.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream
from expandvars import expand

from sandbox.model.errors import StackError

__all__ = ["ENVIRONMENT", "FILES", "FOREIGN", "RELEASED", "Variables", "counts", "interpolate", "read_variables"]

# Written by sandbox/release/: the released versions that override those of .env.
RELEASED = ".run/releases/current.env"
FILES = (".env", ".env.local", RELEASED)
ENVIRONMENT = "the environment"
# Every OpenTelemetry SDK and every Sentry tool reads these, so a shell may have them for another program. Using them
# would send telemetry to that program's backend, or its token to our tracker. Only files of the checkout set ours.
FOREIGN = ("OTEL_", "SENTRY_")
# Kubernetes exports such values in a pod if a service is named grafana: GRAFANA_PORT=tcp://10.0.0.1:3000.
OF_KUBERNETES = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True)
class Rule:
    """Permitted values of a variable. The first rule whose name pattern matches applies."""

    name: str
    value: str
    allowed: str


RULES = (
    Rule(r"DEPLOYMENT_ENVIRONMENT", r"dev|staging|prod", "dev, staging or prod"),
    Rule(
        r"\w+_PORT",
        r"[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]",
        "a port number from 1 to 65535",
    ),
    Rule(r"OTLP_BACKEND", r"none|with|instead", "none, with or instead"),
    Rule(r"IMAGE_\w+", r"[a-z0-9][\w.:/@-]*", "an image reference such as prom/prometheus:v3.15.0"),
    Rule(r"\w+_VERSION", r"\w[\w.-]{0,127}", "a version that can be an image tag: letters, digits, '.', '_' and '-'"),
    Rule(r"\w+_SOURCE", r"[\w./-]+", "a folder, as a path from the checkout"),
    Rule(r"\w+_SENTRY_KEY", r"[0-9a-f]{32}", "32 hexadecimal digits in lower case"),
    Rule(r"\w+_API_TOKEN", r"[0-9a-f]{40}", "40 hexadecimal digits in lower case"),
    Rule(r"\w+_SECRET_KEY", r".{50,}", "at least 50 characters"),
    Rule(
        r"\w+_PASSWORD",
        r"[\w.~!*-]+",
        "letters, digits and the characters . _ ~ ! * - (it becomes a part of URLs)",
    ),
)


@dataclass(frozen=True)
class Variables(Mapping[str, str]):
    """Values by name, and the origin of each value (`.env line 3`, `the environment`)."""

    values_by_name: Mapping[str, str]
    origins: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.values_by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)


def read_variables(root: Path, environment: Mapping[str, str] | None = None) -> Variables:
    """Read and check the variables of the checkout at `root`.

    Raises StackError that names the line of an invalid value.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, str] = {}
    origins: dict[str, str] = {}
    for file in FILES:
        for name, value, origin in _read_file(root / file):
            if file != FILES[0] and name not in values and name not in _names_in_compose(root):
                raise _unknown(name, origin, list(values))
            values[name], origins[name] = value, origin
    for name in (set(values) | _names_in_compose(root)) & set(environment):
        if values.get(name) != environment[name] and counts(name, environment[name]):
            values[name], origins[name] = environment[name], ENVIRONMENT
    for name, value in values.items():
        _check(name, value, origins[name])
    _check_ports_differ(values, origins)
    return Variables(values, origins)


def counts(name: str, value: str) -> bool:
    """Whether an exported variable applies to this stack."""
    # The collector's ports begin with OTEL_, too.
    if name.endswith("_PORT"):
        return not OF_KUBERNETES.match(value)
    return not name.startswith(FOREIGN)


def interpolate(text: str, variables: Mapping[str, str], place: str) -> str:
    """Interpolate `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$` as Compose does.

    Stricter than Compose in two points. An unset variable without a default is an error, not an empty string. The forms
    without a colon are rejected, because the library treats them like those with one.
    """
    if "$" not in text:
        return text
    if match := re.search(r"(?<!\$)\$\{\w+[-?+]", text):
        raise StackError(f"{place} uses {match[0]}...}}.", f"Write a colon: {match[0][:-1]}:{match[0][-1]}...}}.")
    literal_dollar, no_escape = "\x00", "\x01"
    try:
        filled = expand(
            text.replace("$$", literal_dollar), environ=dict(variables), nounset=True, escape_char=no_escape
        )
    except Exception as error:
        reason = str(error).strip("'")
        name = re.match(r"\w+", reason)
        raise StackError(
            f"{place} cannot be filled in: {reason}",
            f"Write {name.group() if name else 'the variable'}=<value> into .env.local (or restore its line in .env).",
        ) from error
    return filled.replace(literal_dollar, "$")


def _read_file(path: Path) -> list[tuple[str, str, str]]:
    if not path.exists():
        return []
    found: dict[str, tuple[str, str, str]] = {}
    with path.open(encoding="utf-8") as stream:
        for binding in parse_stream(stream):
            # A binding includes the blank lines and comments above it.
            text = binding.original.string
            line = binding.original.line + len(text) - len(text.lstrip("\n"))
            origin = f"{path.name} line {line}"
            if binding.error or (binding.key is not None and binding.value is None):
                raise StackError(
                    f"{origin} is not understood: {binding.original.string.strip()!r}", "Write it as NAME=value."
                )
            if binding.key is not None and binding.value is not None:
                value = interpolate(binding.value, {name: entry[1] for name, entry in found.items()}, origin)
                found[binding.key] = (binding.key, value, origin)
    return list(found.values())


def _names_in_compose(root: Path) -> set[str]:
    path = root / "docker-compose.yml"
    return set(re.findall(r"(?<!\$)\$\{(\w+)", path.read_text(encoding="utf-8"))) if path.exists() else set()


def _unknown(name: str, origin: str, known: list[str]) -> StackError:
    close = difflib.get_close_matches(name, known, n=1)
    guess = f" Did you mean {close[0]}?" if close else ""
    return StackError(
        f"{origin} sets {name}, which nothing reads.{guess}", "Correct the name; every name that counts is in .env."
    )


def _check(name: str, value: str, origin: str) -> None:
    rule = next((rule for rule in RULES if re.fullmatch(rule.name, name)), None)
    if rule and not re.fullmatch(rule.value, value):
        step = f"Correct it in your shell, or `unset {name}`." if origin == ENVIRONMENT else f"Correct {origin}."
        raise StackError(f"{name} is {value!r} ({origin}), but it must be {rule.allowed}.", step)


def _check_ports_differ(values: Mapping[str, str], origins: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for name, value in values.items():
        if not name.endswith("_PORT"):
            continue
        if value in taken:
            other = taken[value]
            raise StackError(
                f"{name} ({origins[name]}) and {other} ({origins[other]}) are both {value}.",
                f"Give {name} a port of its own in .env.local.",
            )
        taken[value] = name
