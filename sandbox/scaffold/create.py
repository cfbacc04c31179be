"""Generates a new service and adds it to the four files that list services."""

import subprocess
import sys
from pathlib import Path

from sandbox.model import ROOT
from sandbox.scaffold.entries import add_entries, plan

TEMPLATE = Path(__file__).parent / "template"
NEXT = """Next:
  make lint unit    # it passes as it is
  make up           # starts it beside the rest, on port {port}
  curl http://127.0.0.1:{port}/hello/you
Then make it yours: services/{name}/app.py. To give it up: delete its folder and `git checkout` the four files."""


def create(name: str, team: str, root: Path = ROOT) -> str:
    """Generate the service and its entries; return the next steps.

    Raises StackError for an invalid name or team.
    """
    facts = plan(root, name, team)
    folder = root / "services" / name
    for source in sorted(path for path in TEMPLATE.rglob("*.txt")):
        relative = str(source.relative_to(TEMPLATE)).removesuffix(".txt").replace("{{name}}", name)
        target = folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text(encoding="utf-8").replace("{{name}}", name), encoding="utf-8")
    # The order of imports depends on the name.
    for arguments in (
        ["check", "--no-cache", "--quiet", "--fix", "--select", "I"],
        ["format", "--no-cache", "--quiet"],
    ):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, str(folder)], cwd=root, check=True)
    changed = add_entries(root, facts)
    lines = [f"Written: services/{name}/ (port {facts.port}, team {team})", *(f"Changed: {path}" for path in changed)]
    return "\n".join([*lines, "", NEXT.format(port=facts.port, name=name)])
