"""Checks each lock file for known vulnerabilities with pip-audit and npm audit.

If their data is unreachable, a lock counts as not checked. A lock that they cannot read is an error.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.model.errors import StackError

__all__ = ["Verdict", "audit", "audit_npm", "audit_python"]

# Per lock: the longest has 150 packages, which are queried one after the other.
SECONDS = 120
# Per query.
_TIMEOUT_SECONDS = 10
# Texts in pip-audit's error output that mean that its data was unreachable.
_UNREACHED = ("requests.exceptions.", "ServiceError", "network may be blocking")


@dataclass(frozen=True)
class Verdict:
    """The result for one lock.

    `found`: one line per vulnerability. `not_checked`: the reason; empty if every package was checked. `reached` is
    False if the data is unreachable, so that checking the next lock is useless.
    """

    found: tuple[str, ...] = ()
    not_checked: str = ""
    reached: bool = True


def audit(locks: Iterable[Path], one: Callable[[Path], Verdict]) -> Iterator[tuple[Path, Verdict]]:
    """Check each lock, the smallest first. After the first one without data, the others are not tried."""
    first = Verdict()
    for lock in sorted(locks, key=lambda path: path.stat().st_size):
        if first.reached:
            first = one(lock)
            yield lock, first
        else:
            yield lock, Verdict(not_checked="as above, the data is not reached", reached=False)


def audit_python(lock: Path, service: Sequence[str] = ()) -> Verdict:
    """Check a lock with pip-audit, from the lock alone.

    `service` are its options for a source of data other than PyPI. Raises StackError if it cannot read the lock.
    """
    options = ["--disable-pip", "--format=json", "--progress-spinner=off", f"--timeout={_TIMEOUT_SECONDS}", *service]
    done = _run([sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options], lock.parent)
    if done is None:
        return _late()
    answer = _json(done.stdout)
    if answer is None and any(sign in done.stderr for sign in _UNREACHED):
        return Verdict(not_checked=_last_line(done.stderr), reached=False)
    if answer is None:
        raise StackError(
            f"pip-audit could not read {lock.name}.", "`make lock` writes it anew.", done.stderr.splitlines()
        )
    packages = answer["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    found = tuple(_python_line(package, one) for package in packages for one in package.get("vulns", []))
    if not skipped:
        return Verdict(found)
    none = len(skipped) == len(packages)
    reason = f"no data about {'any' if none else len(skipped)} of {len(packages)} packages: {skipped[0]['skip_reason']}"
    return Verdict(found, reason, reached=not none)


def _python_line(package: dict[str, Any], one: dict[str, Any]) -> str:
    mended = f"mended in {', '.join(one['fix_versions'])}" if one["fix_versions"] else "not mended yet"
    return f"{package['name']} {package['version']}: {one['id']} ({mended})"


def audit_npm(lock: Path, options: Sequence[str] = ()) -> Verdict:
    """Check a lock with npm audit, from package-lock.json alone. Raises StackError if it cannot read the lock."""
    npm = shutil.which("npm")
    if npm is None:
        return Verdict(not_checked="npm is not installed", reached=False)
    patience = ["--fetch-retries=0", f"--fetch-timeout={_TIMEOUT_SECONDS * 1000}"]
    done = _run([npm, "audit", "--json", "--package-lock-only", *patience, *options], lock.parent)
    if done is None:
        return _late()
    answer = _json(done.stdout) or {}
    if "message" in answer:
        return Verdict(not_checked=answer["message"], reached=False)
    if "vulnerabilities" not in answer:
        told = answer.get("error", {}).get("summary", "")
        raise StackError(f"npm audit could not read {lock}.", "`npm install` writes it anew.", [told or done.stderr])
    return Verdict(tuple(_npm_lines(answer["vulnerabilities"])))


def _npm_lines(packages: dict[str, Any]) -> Iterator[str]:
    """Return only packages that are vulnerable themselves; npm also lists every package that depends on one."""
    for name, package in sorted(packages.items()):
        for cause in package["via"]:
            if isinstance(cause, dict):
                yield f"{name} {cause['range']}: {cause['url']} ({cause['severity']}: {cause['title']})"


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str] | None:
    """Run a command; return None after the time limit."""
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None


def _late() -> Verdict:
    return Verdict(not_checked=f"no result within {SECONDS} seconds", reached=False)


def _json(text: str) -> dict[str, Any] | None:
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason was told")
