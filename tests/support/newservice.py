"""A copy of this checkout in which `make new-service` has been said."""

import shutil
import subprocess
from pathlib import Path

from sandbox.model import ROOT
from sandbox.scaffold.create import create

__all__ = ["checkout_with"]


def checkout_with(name: str, folder: Path) -> Path:
    """Copy what git knows of this checkout into a folder, and make a service there; the folder of the copy."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    copy = folder / "checkout"
    for path in filter(None, names):
        # A file may have been deleted and not yet committed.
        if (ROOT / path).is_file():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, copy / path)
    create(name, "platform", copy)
    return copy
