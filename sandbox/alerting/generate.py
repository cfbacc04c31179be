"""Generates the rules of objectives and the routes of pages, and checks all files of the alerting configuration."""

import sys
from pathlib import Path

from sandbox.alerting import lint, routes, slos
from sandbox.model import ROOT


def generate() -> None:
    """Write prometheus/generated and alertmanager/alertmanager*.yml."""
    wanted = {slo.target: slo.rules() for slo in slos.every_slo()} | _routes()
    for path in {*slos.OUTPUT.rglob("*.yml")} - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def check() -> None:
    """Check everything that needs no running stack.

    Raises Problem at the first error; exits if a generated file is stale or superfluous.
    """
    lint.check_files()
    known = slos.every_slo()
    stale = [slo for slo in known if not slo.fresh]
    for slo in stale:
        # If an invalid objective is the reason that it was not generated, this raises the actual error.
        slo.rules()
    names = [slo.target for slo in stale] + [path for path, text in _routes().items() if path.read_text() != text]
    names += {*slos.OUTPUT.rglob("*.yml")} - {slo.target for slo in known}
    if names:
        shown = ", ".join(str(path.relative_to(ROOT)) for path in names)
        sys.exit(f"Not as generated: {shown}. Run: make generate")
    print("Alerts: rules, objectives, routes and templates are correct, and what is generated is fresh")


def _routes() -> dict[Path, str]:
    return {routes.FOLDER / name: text for name, text in routes.generated().items()}
