"""`python -m faults list|inject NAME|remove NAME`."""

import argparse
import sys

from faults.library import FAULTS, FaultError, inject, remove
from faults.target import Target


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m faults", description="Break the stack that runs, and mend it.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="every fault and what it does")
    for name, text in (("inject", "put a fault in; it stays until it is removed"), ("remove", "take it out again")):
        commands.add_parser(name, help=text).add_argument("fault", metavar="NAME", help="as `list` names it")
    chosen = parser.parse_args()
    if chosen.command == "list":
        for name, fault in FAULTS.items():
            print(f"{name:18} {fault.what}")
        return
    try:
        if chosen.command == "inject":
            fault = inject(chosen.fault, Target())
            print(f"In: {fault.what}. Take it out: python -m faults remove {chosen.fault}")
        else:
            fault = remove(chosen.fault, Target())
            print(f"Out: no longer, {fault.what}.")
    except FaultError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
