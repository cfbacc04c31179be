"""A Mermaid diagram of the connections between services, derived from the topology."""

import re
from pathlib import Path

from sandbox.model.compose import Service, Topology

__all__ = ["diagram"]

# These only start or check another service; no signal passes through them.
ASIDE = {"volume-owner", "collector-files", "otel-collector-health"}
# Files on this shared volume are a connection too: the services write the log lines that the collector reads.
LOG_VOLUME = "service-logs"


def diagram(topology: Topology) -> str:
    """Return a diagram with one arrow for each address in a service's arguments, environment and mounted files."""
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
