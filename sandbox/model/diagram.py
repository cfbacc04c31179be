"""Who talks to whom, as a Mermaid diagram made from the topology."""

import re
from pathlib import Path

from sandbox.model.compose import Service, Topology

__all__ = ["diagram"]

# What only starts or asks another part is no way of a signal.
ASIDE = {"volume-owner", "collector-files", "otel-collector-health"}
# A file on a shared volume is a way as well: who writes the lines that the collector reads.
LOG_VOLUME = "service-logs"


def diagram(topology: Topology) -> str:
    """One arrow for each address that a part is given, from its arguments, environment and mounted files."""
    services = {name: one for name, one in topology.services.items() if name not in ASIDE and not one.profiles}
    names = "|".join(sorted(services, key=len, reverse=True))
    edges = {
        (name, called)
        for name, service in services.items()
        for called in re.findall(rf"(?<![\w./-])(?:[a-z]+://)?(?:[^\s/@]*@)?({names}):\d+", _told(service))
        if called != name
    }
    reader = "otel-collector"
    writers = {
        (name, reader)
        for name, service in services.items()
        for mount in service.mounts
        if mount.source == LOG_VOLUME and name != reader
    }
    lines = [f"  {one} --> {two}" for one, two in sorted(edges - writers)]
    lines += [f"  {one} -- log file --> {two}" for one, two in sorted(writers - edges)]
    lines += [f"  {one} -- spans, log file --> {two}" for one, two in sorted(writers & edges)]
    return "\n".join(["flowchart LR", *lines])


def _told(service: Service) -> str:
    paths = [Path(mount.source) for mount in service.mounts if mount.kind == "bind"]
    files = [file for path in paths for file in (path.rglob("*.y*ml") if path.is_dir() else [path])]
    texts = [re.sub(r"(?m)#.*$", "", file.read_text(encoding="utf-8", errors="replace")) for file in files]
    return "\n".join([*service.argv, *service.environment.values(), *texts])
