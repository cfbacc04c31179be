"""`python -m alerting generate|check|ack|unack`: what make does for alerts."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from alerting import ack, lint, routes, slos
from alerting.problems import Problem
from stack.variables import read_variables

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m alerting", description="Rules, routes and acknowledging.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write prometheus/generated and alertmanager/alertmanager*.yml")
    commands.add_parser("check", help="refuse rules, objectives, routes and templates that are wrong or stale")
    for name, what in (("ack", "tell nobody else of an alert that fires"), ("unack", "give it back")):
        command = commands.add_parser(name, help=what)
        command.add_argument("--service", default="", help="only of this service")
        if name == "unack":
            command.add_argument("alert", help="its name, as in the mail")
        else:
            command.add_argument("alert", nargs="?", help="its name, as in the mail; without it, what fires is listed")
            command.add_argument("--by", default="", help="who answers (default: you)")
            command.add_argument("--for", dest="hold", default="1h", help="how long, such as 30m (default: 1h)")
    chosen = parser.parse_args()
    try:
        _run(chosen)
    except (Problem, ack.AckError) as problem:
        sys.exit(str(problem))


def _run(chosen: argparse.Namespace) -> None:
    match chosen.command:
        case "generate":
            generate()
        case "check":
            check()
        case "ack":
            print(_acknowledge(chosen) if chosen.alert else ack.overview(_alertmanager()))
        case "unack":
            print(ack.withdraw(_alertmanager(), chosen.alert, service=chosen.service))


def _acknowledge(chosen: argparse.Namespace) -> str:
    return ack.acknowledge(_alertmanager(), chosen.alert, service=chosen.service, by=chosen.by, hold=chosen.hold)


def _alertmanager() -> str:
    return f"http://127.0.0.1:{read_variables(ROOT)['ALERTMANAGER_PORT']}"


def generate() -> None:
    wanted = {slo.target: slo.rules() for slo in slos.every_slo()} | _routes()
    for path in {*slos.OUTPUT.rglob("*.yml")} - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def check() -> None:
    """Everything that can be said without a stack that runs; the first problem ends it."""
    lint.check_files()
    known = slos.every_slo()
    stale = [slo for slo in known if not slo.fresh]
    for slo in stale:
        # Says what is wrong with the objective, if that is why it was not generated.
        slo.rules()
    names = [slo.target for slo in stale] + [path for path, text in _routes().items() if path.read_text() != text]
    names += {*slos.OUTPUT.rglob("*.yml")} - {slo.target for slo in known}
    if names:
        shown = ", ".join(str(path.relative_to(ROOT)) for path in names)
        sys.exit(f"Not as generated: {shown}. Run: make generate")
    print("Alerts: rules, objectives, routes and templates are correct, and what is generated is fresh")


def _routes() -> Mapping[Path, str]:
    return {routes.FOLDER / name: text for name, text in routes.generated().items()}


if __name__ == "__main__":
    main()
