"""The code of a release: that of this checkout, with the release's patch if it has one.

A service is released with the folder `services`, a frontend part with `services/frontend` only.
"""

import compileall
import os
import shutil
import subprocess
from pathlib import Path

from sandbox.model.errors import StackError

__all__ = ["PATCHES", "patch_of", "prepare"]

PATCHES = Path("sandbox/release/patches")
# The native engine names the code's environment after the last part.
PLACE = ".run/releases/{service}/{version}/{code}"
SERVICES, FRONTEND = "services", "services/frontend"
LEFT_BEHIND = {
    SERVICES: shutil.ignore_patterns("__pycache__", "tests", "frontend"),
    FRONTEND: shutil.ignore_patterns("__pycache__", "node_modules", "dist", "bin"),
}


def patch_of(root: Path, service: str, version: str) -> Path | None:
    """Return the patch for this version of the service.

    None if the version is the checkout's code with a new number.
    """
    path = root / PATCHES / f"{service}-{version}.patch"
    return path if path.exists() else None


def prepare(root: Path, service: str, version: str) -> str:
    """Create the build context of a release; return its path relative to the checkout.

    Raises StackError if the patch does not apply.
    """
    code = FRONTEND if service.startswith("frontend-") else SERVICES
    place = PLACE.format(service=service, version=version, code=code)
    folder = root / place
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root / code, folder, ignore=LEFT_BEHIND[code])
    patch = patch_of(root, service, version)
    if patch:
        _apply(patch, root / PLACE.format(service=service, version=version, code=""))
    if code == SERVICES:
        # Compiled beforehand, to shorten the start of the new version, during which the service is unavailable.
        compileall.compile_dir(folder, quiet=2)
    return place


def _apply(patch: Path, folder: Path) -> None:
    if not shutil.which("git"):
        raise StackError("There is no git command, which applies the release's patch.", "Install git.")
    # Otherwise git would use the checkout that contains the folder, and silently skip the patch.
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", patch.resolve()],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(
            f"{patch.name} does not fit the services of this checkout.",
            "Make the patch again from the code as it is now.",
            done.stderr.strip().splitlines(),
        )
