"""Prints a runbook on the terminal, with the current result below each query."""

from rich.console import Console
from rich.text import Text

from sandbox.incidents.ask import Asker
from sandbox.incidents.runbook import SECTIONS, Runbook
from sandbox.model.stack import Stack

__all__ = ["print_page"]

SHOWN = 8
WIDTH = 150


def print_page(stack: Stack, page: Runbook) -> None:
    """Print the runbook. Queries are run; commands of the mitigation are only printed."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(page.name, style="bold"))
    with Asker(stack) as asker:
        for section in SECTIONS:
            console.print(Text(f"\n{section}", style="bold cyan"))
            if section != "Diagnosis":
                console.print(Text(page.sections[section].strip()))
                continue
            for block in page.blocks(section):
                console.print(Text(f"\n{block.lead}"))
                console.print(Text("\n".join(f"  {line}" for line in block.text.splitlines()), style="dim"))
                answer = asker.ask(block)
                style = "green" if answer.ok else "red"
                for row in answer.rows[:SHOWN] or ("(nothing)",):
                    console.print(Text(f"  → {row[:WIDTH]}", style=style))
                if len(answer.rows) > SHOWN:
                    console.print(Text(f"  → … and {len(answer.rows) - SHOWN} more", style=style))
