"""docs/reference/variables.md names every variable that a person can set, with its default, and no other."""

import importlib
import re
from collections import Counter
from pathlib import Path

from sandbox.model import ROOT
from sandbox.model.catalog import catalog
from tests.support.tables import rows

PAGE = ROOT / "docs" / "reference" / "variables.md"
DOCUMENTED = {
    row["variable"].strip("`"): row["default"].strip("`") for row in rows(PAGE, "variable", "default", "meaning")
}
INSIDE = rows(PAGE, "variable", "service", "default", "meaning")
# Folders of programs that run on the developer's machine. What runs in containers reads what docker-compose.yml sets.
TOOLS = ("loadtest", "sandbox", "sandbox_testing", "tests/browser", "tests/ci", "tests/e2e", "tests/support")
# Everybody's, and read for no purpose of our own.
COMMON = {"PATH", "GOFLAGS"}
IN_ENV = "in `.env"
OF_BUGSINK = "Bugsink's"


def text(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


def env() -> dict[str, str]:
    return dict(re.findall(r"^(\w+)=(.*)$", text(".env"), re.MULTILINE))


def compose() -> dict[str, str]:
    """Every variable of docker-compose.yml, with the default that is written there."""
    found = re.findall(r"(?<!\$)\$\{(\w+)(?::-((?:\$\{[^}]*\}|[^{}])*))?", text("docker-compose.yml"))
    return dict(sorted(found))


def make() -> set[str]:
    """What the Makefile reads and does not make itself."""
    used = set(re.findall(r"\$\((?:if \$\()?([A-Z_]+)\)", text("Makefile")))
    return used - set(re.findall(r"^([A-Z_]+) :=", text("Makefile"), re.MULTILINE)) - {"MAKEFILE_LIST"}


def tools() -> set[str]:
    asked = r"""environ(?:\.get\(|\[)\s*["'](\w+)|getenv\(["'](\w+)|given\.get\(["'](\w+)|\burl\("(\w+)"""
    found = re.findall(r"\$\{([A-Z_]+):-", text(".ci", "run"))
    for folder in TOOLS:
        for file in (ROOT / folder).rglob("*.py"):
            found += [name for names in re.findall(asked, file.read_text(encoding="utf-8")) for name in names]
    return {name for name in found if name.isupper()} - COMMON


def of_added_services() -> set[str]:
    """The variables of a service that `make new-service` wrote; its block in docker-compose.yml documents them."""
    kinds = ("PORT", "VERSION", "SOURCE", "SENTRY_KEY", "SENTRY_DSN")
    added = [name for name in catalog() if f"{name.upper()}_PORT" not in DOCUMENTED]
    return {f"{name.upper()}_{kind}" for name in added for kind in kinds}


def test_every_variable_that_can_be_set_is_documented_and_no_other() -> None:
    existing = env().keys() | compose().keys() | make() | tools() | {"ENGINE", "WITHOUT", "PROFILE"}
    assert existing - DOCUMENTED.keys() - of_added_services() == set()
    assert DOCUMENTED.keys() - existing == set()


def test_default_of_each_pin_and_port_is_the_one_of_env() -> None:
    documented = {name: DOCUMENTED[name] for name in env() if DOCUMENTED.get(name, IN_ENV) != IN_ENV}
    assert documented == {name: env()[name] for name in documented}
    secret = {name for name, default in DOCUMENTED.items() if default == IN_ENV}
    assert secret == {name for name in env() if re.search(r"_(PASSWORD|KEY|TOKEN)$", name)} - of_added_services()


def test_default_in_the_topology_is_the_documented_one() -> None:
    written = {name: default for name, default in compose().items() if default and name in DOCUMENTED}
    meant = {name: default if "${" not in default else OF_BUGSINK for name, default in written.items()}
    assert meant
    assert {name: DOCUMENTED[name] for name in meant} == meant


def test_settings_of_each_service_are_documented_with_their_defaults() -> None:
    existing, documented = {}, {}
    for service in ("gateway", "auth", "payments"):
        fields = importlib.import_module(f"{service}.settings").Settings.model_fields
        for name, field in fields.items():
            if name not in ("deployment_environment", "service_version"):
                stated = field.default if not field.is_required() and field.default not in (None, "") else "-"
                existing[name.upper(), service] = str(stated)
    for row in INSIDE:
        services, defaults = row["service"].split(", "), row["default"].replace("`", "").split(", ")
        defaults = defaults if len(defaults) == len(services) else defaults * len(services)
        documented |= {
            (row["variable"].strip("`"), service): one for service, one in zip(services, defaults, strict=True)
        }
    assert documented == existing


def test_every_variable_has_a_meaning_and_is_named_once() -> None:
    table = rows(PAGE, "variable", "default", "meaning")
    named = Counter(row["variable"] for row in table)
    assert [name for name, times in named.items() if times > 1] == []
    assert [row["variable"] for row in table if len(row["meaning"]) <= 3] == []


def test_telemetry_settings_are_on_the_page_of_the_package() -> None:
    from sandbox_telemetry.settings import TelemetrySettings

    page = Path(ROOT / "services" / "sandbox_telemetry" / "README.md").read_text(encoding="utf-8")
    assert [name for name in TelemetrySettings.model_fields if f"`{name.upper()}`" not in page] == []
