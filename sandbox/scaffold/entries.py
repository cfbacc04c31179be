"""Adds a new service to the catalog, the topology, the pins and ports, and the scrape targets."""

import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.documents import parse_yaml
from sandbox.model.errors import StackError

__all__ = ["FILES", "ROOT", "Facts", "add_entries", "plan"]

CATALOG, COMPOSE, ENV, SCRAPE = FILES = (
    "services/catalog.yml",
    "docker-compose.yml",
    ".env",
    "prometheus/prometheus.yml",
)
# First port of generated services; lower numbers are those of the stack's own services.
FIRST_PORT = 8005

ROW = """  {name}:
    port: {port}
    team: {team}
    errors: {errors}
    calls: []
    database: null
    signals: [traces, metrics, logs, errors]
"""
BLOCK = """  {name}:
    <<: *hardened
    image: observability-sandbox/{name}:${{{upper}_VERSION}}
    pull_policy: never
    build:
      <<: *service-build
      context: ${{{upper}_SOURCE:-services}}
      args: {{<<: *service-args, SERVICE: {name}, VERSION: "${{{upper}_VERSION}}"}}
    user: "10001:10001"
    entrypoint: ["python", "-m", "{name}"]
    command: ["--bind=0.0.0.0:{port}"]
    environment:
      <<: *telemetry
      SERVICE_VERSION: ${{{upper}_VERSION}}
      SENTRY_DSN: ${{{upper}_SENTRY_DSN:-http://${{{upper}_SENTRY_KEY}}@bugsink:8800/{errors}}}
    ports: ["127.0.0.1:${{{upper}_PORT}}:{port}"]
    volumes: ["service-logs:/var/log/sandbox"]
    tmpfs: ["/tmp"]
    mem_limit: 256m
    healthcheck:
      <<: *health-timing
      test: ["CMD", "python", "-IS", "/app/probe.py", "http://127.0.0.1:{port}/readyz"]
    depends_on:
      volume-owner: {{condition: service_completed_successfully}}

"""
TARGET = '      - {{targets: ["{name}:{port}"], labels: {{service: {name}, team: {team}}}}}\n'


@dataclass(frozen=True)
class Facts:
    """The values of the entries; ``errors`` is the project number in the error tracker."""

    name: str
    team: str
    port: int
    errors: int

    @property
    def upper(self) -> str:
        return self.name.upper()


def plan(root: Path, name: str, team: str) -> Facts:
    """Choose free values. Raises StackError for an invalid service name or an unknown team."""
    topology = read_topology(root)
    catalog = parse_yaml((root / CATALOG).read_text(encoding="utf-8"))["services"]
    if not re.fullmatch(r"[a-z][a-z0-9]{1,30}", name):
        raise StackError(f"{name!r} cannot name a service.", "Use 2 to 31 lower-case letters and digits: orders.")
    if keyword.iskeyword(name) or name in sys.stdlib_module_names or (root / name).is_dir():
        raise StackError(f"{name} is also the name of a Python module.", "Choose another, such as orders.")
    if name in topology.services or (root / "services" / name).exists():
        raise StackError(f"There is a service {name} already.", "Choose another name, or delete that one first.")
    teams = sorted({row["team"] for row in catalog.values()} - {"external"} | {"platform"})
    if team not in teams:
        raise StackError(f"There is no team {team}.", f"Choose from: {', '.join(teams)}; or add its contacts first.")
    taken = {int(value) for variable, value in topology.variables.items() if variable.endswith("_PORT")}
    taken |= {port for service in topology.services.values() for port in service.exposed}
    projects = topology.services["bugsink"].environment["PROJECTS"].split(",")
    stated = [int(number) for entry in projects for number in re.findall(r"^(\d+):", entry)]
    port = next(number for number in range(FIRST_PORT, 65536) if number not in taken)
    return Facts(name, team, port, max([*stated, len(projects)]) + 1)


def add_entries(root: Path, facts: Facts) -> list[str]:
    """Add the service to each of the four files; return their names.

    Raises StackError if a file has no place for the entry.
    """
    texts = {name: (root / name).read_text(encoding="utf-8") for name in FILES}
    fill = {"name": facts.name, "team": facts.team, "port": facts.port, "errors": facts.errors, "upper": facts.upper}
    # The last line of the services; another section follows.
    texts[CATALOG] = _after(texts[CATALOG], r"^services:\n(?:(?:  .*|#.*)\n)*(?:  .*\n)", ROW.format(**fill), CATALOG)
    texts[COMPOSE] = _before(texts[COMPOSE], r"^  postgres:\n", BLOCK.format(**fill), COMPOSE)
    project = f",{facts.errors}:{facts.name}=${{{facts.upper}_SENTRY_KEY}}"
    texts[COMPOSE] = _after(texts[COMPOSE], r"^      PROJECTS: [^\n]*", project, COMPOSE)
    texts[ENV] = _after(
        texts[ENV], r"^[A-Z]+_VERSION=[^\n]*\n(?!(?:[A-Z]+_VERSION=))", f"{facts.upper}_VERSION=0.1.0\n", ENV
    )
    texts[ENV] = _before(texts[ENV], r"^POSTGRES_PORT=", f"{facts.upper}_PORT={facts.port}\n", ENV)
    texts[ENV] = texts[ENV].rstrip("\n") + f"\n{facts.upper}_SENTRY_KEY=5a4d{facts.errors:028d}\n"
    last = r"^      - \{targets: \[\"[^\n]*\n(?=\n)"
    texts[SCRAPE] = _after(texts[SCRAPE], last, TARGET.format(**fill), SCRAPE)
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return list(FILES)


def _before(text: str, pattern: str, addition: str, file: str) -> str:
    return text[: _place(text, pattern, file).start()] + addition + text[_place(text, pattern, file).start() :]


def _after(text: str, pattern: str, addition: str, file: str) -> str:
    end = _place(text, pattern, file).end()
    return text[:end] + addition + text[end:]


def _place(text: str, pattern: str, file: str) -> re.Match[str]:
    """Return the first place in a file that matches."""
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise StackError(f"{file} has no place for a new service ({pattern!r}).", "Mend sandbox/scaffold/entries.py.")
    return found
