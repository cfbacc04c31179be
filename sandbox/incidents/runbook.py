"""Parses runbooks/: sections with their executable queries and commands."""

import re
from dataclasses import dataclass
from functools import cached_property

from sandbox.model import ROOT
from sandbox.model.errors import StackError

__all__ = ["FOLDER", "LANGUAGES", "SECTIONS", "Block", "Runbook", "names", "read"]

FOLDER = ROOT / "runbooks"
SECTIONS = ("Meaning", "Impact", "Diagnosis", "Mitigation", "Escalate")
LANGUAGES = ("promql", "logql", "traceql", "sql", "sh")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, and the sentence above it."""

    language: str
    text: str
    lead: str


@dataclass(frozen=True)
class Runbook:
    """One runbook."""

    name: str
    text: str

    @cached_property
    def sections(self) -> dict[str, str]:
        """Return the text of each section by its heading, in order."""
        _, *parts = re.split(r"^## (.+)\n", self.text, flags=re.MULTILINE)
        return dict(zip(parts[::2], parts[1::2], strict=True))

    def blocks(self, section: str) -> list[Block]:
        """Return the fenced blocks of a section, in order."""
        text, found, end = self.sections.get(section, ""), [], 0
        for match in _FENCE.finditer(text):
            lead = text[end : match.start()].strip().rpartition("\n\n")[2]
            found.append(Block(match[1], match[2].strip(), " ".join(lead.split())))
            end = match.end()
        return found

    def block(self, section: str, line: str) -> Block:
        """Return the block of a section that contains this line. Raises StackError if there is none."""
        for block in self.blocks(section):
            if line.strip() in (one.strip() for one in block.text.splitlines()):
                return block
        raise StackError(f"runbooks/{self.name}.md has no `{line}` in its {section}.", "Add it, or name another line.")


def names() -> list[str]:
    """Return the names of the runbooks that belong to an alert, in order."""
    return sorted(path.stem for path in FOLDER.glob("[A-Z]*.md") if path.stem != "README")


def read(name: str) -> Runbook:
    """Return the runbook of an alert. Raises StackError if there is none."""
    path = FOLDER / f"{name}.md"
    if name not in names():
        raise StackError(f"There is no runbook {name!r}.", f"Choose from: {', '.join(names())}.")
    return Runbook(name, path.read_text(encoding="utf-8"))
