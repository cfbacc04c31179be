"""Implements `make release` and `make rollback` on top of an engine and the record."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

from sandbox.engines import choice
from sandbox.engines.engine import Engine, Report
from sandbox.engines.lock import exclusive
from sandbox.model.compose import Topology, read_topology
from sandbox.model.errors import StackError
from sandbox.model.layout import Layout
from sandbox.model.variables import ENVIRONMENT
from sandbox.release import record, source
from sandbox.release.record import Release

__all__ = ["release", "rollback", "running_version"]


def release(root: Path, service: str, version: str, report: Report) -> None:
    """Replace the running version of a service with `version`.

    If the new version does not become healthy, restores the previous one and raises StackError.
    """
    with exclusive(Layout(root).lock, "release"):
        now = _version(root, service)
        if not re.fullmatch(r"\w[\w.-]{0,127}", version):
            raise StackError(f"{version!r} cannot be a version.", "Use letters, digits, '.', '_' and '-': 0.2.0.")
        if version == now:
            raise StackError(f"{service} {version} runs already.", "Choose another VERSION.")
        patch = source.patch_of(root, service, version)
        origin = f"with {patch.relative_to(root)}" if patch else "the code of this checkout"
        report(f"{service} {version}: {origin}, in place of {now}")
        made = Release(version, source.prepare(root, service, version), _now())
        releases = record.read(root)
        try:
            _run(root, {**releases, service: [*releases.get(service, []), made]}, service, report)
        except StackError:
            report(f"{service} {version} did not become healthy; {now} is put back")
            _run(root, releases, service, report)
            raise


def rollback(root: Path, service: str, report: Report, schema: str = "") -> None:
    """Run the previous version.

    `schema` is a revision to which the service's database is rolled back first. This uses the code of the release that
    is being replaced, because only it contains the downgrade.
    """
    with exclusive(Layout(root).lock, "rollback"):
        now, releases = _version(root, service), record.read(root)
        if not releases.get(service):
            raise StackError(
                f"{service} runs {now}, the version of .env: there is none before it.",
                f"`make release SERVICE={service} VERSION=...` runs another one.",
            )
        if schema:
            began = time.monotonic()
            told = _engine(root).run_once(service, ["python", "-m", "kit.migrate", service, schema])
            report(f"{told.strip()} ({time.monotonic() - began:.1f} s)")
        _run(root, {**releases, service: releases[service][:-1]}, service, report)


def running_version(root: Path, service: str) -> str:
    """Return the running version of a service according to the record."""
    return _version(root, service)


def _run(root: Path, releases: dict[str, list[Release]], service: str, report: Report) -> None:
    began = time.monotonic()
    record.write(root, releases)
    _engine(root).replace(service, report)
    report(f"{service} {_version(root, service)} runs after {time.monotonic() - began:.1f} s")


def _version(root: Path, service: str) -> str:
    topology = _topology(root, service)
    return topology.variables[record.variable(service, "VERSION")]


def _topology(root: Path, service: str) -> Topology:
    topology = read_topology(root)
    releasable = [one for one in topology.services if record.variable(one, "VERSION") in topology.variables]
    name = record.variable(service, "VERSION")
    if service not in releasable:
        raise StackError(f"There is no service {service!r} to release.", f"Choose from: {', '.join(releasable)}.")
    if topology.variables.origins[name] == ENVIRONMENT:
        raise StackError(f"{name} is set in the environment, which would win over any release.", f"`unset {name}`.")
    return topology


def _engine(root: Path) -> Engine:
    topology = read_topology(root)
    engine = choice.running(topology, topology.selected())
    if engine is None:
        raise StackError("The stack is down.", "`make up` starts it.")
    return engine


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
