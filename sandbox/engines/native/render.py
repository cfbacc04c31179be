"""Rewrites the configuration of a container for a native process: only addresses, ports and paths.

A container has its own addresses and paths; a process shares those of the machine. Therefore:

- `loki:3100` becomes `127.0.0.1:<published port>` (the name of a service with one of its ports).
- `0.0.0.0[:3100]` becomes `127.0.0.1[:<published>]` (the address that a container binds).
- `port: 3100` becomes `port: <published>` (a setting named ...port with one of the service's own ports).
- `host.docker.internal` becomes `127.0.0.1` (a container's name for this machine).
- `/etc/loki` becomes its place in .run (a path where a volume, a bind mount or a tmpfs is mounted).
"""

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = ["Substitutions", "render_copy"]

LOOPBACK = "127.0.0.1"
MACHINE = "host.docker.internal"


@dataclass(frozen=True)
class Substitutions:
    """The substitutions of one service.

    - addresses: (service, container port) -> published port, of every service of the stack.
    - own_ports: container port -> published port, of this service.
    - paths: path in the container -> path on this machine.
    """

    addresses: Mapping[tuple[str, int], int]
    own_ports: Mapping[int, int]
    paths: Mapping[str, str]

    def apply(self, text: str) -> str:
        """Rewrite a configuration file, an argument or the value of an environment variable."""
        return self._pattern.sub(self._replacement, text)

    def apply_inside(self, text: str) -> str:
        """Like `apply`, for commands inside the container: there, 127.0.0.1 and a bare port mean the service itself."""
        if text.isdigit():
            return str(self.own_ports.get(int(text), text))
        ports = "|".join(map(str, self.own_ports)) or "(?!)"
        return re.sub(
            rf"\b(127\.0\.0\.1|localhost):({ports})\b",
            lambda match: f"{match[1]}:{self.own_ports[int(match[2])]}",
            self.apply(text),
        )

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        paths = "|".join(re.escape(path) for path in sorted(self.paths, key=len, reverse=True)) or "(?!)"
        names = "|".join(sorted({re.escape(name) for name, _ in self.addresses}, key=len, reverse=True)) or "(?!)"
        return re.compile(
            rf"(?<![\w./-])(?P<path>{paths})(?![\w-]|\.\w)"
            rf"|(?<![\w.-])(?P<name>{names}):(?P<port>\d+)(?!\d)"
            rf"|(?<![\w.-])(?P<machine>{re.escape(MACHINE)})(?![\w.-])"
            r"|(?<![\d.])0\.0\.0\.0(?::(?P<bound>\d+))?(?![\d.])"
            r"|(?P<setting>(?i:port)[\"']?\s*[:=]\s*[\"']?)(?P<own>\d+)(?![\d.])"
        )

    def _replacement(self, match: re.Match[str]) -> str:
        if match["path"]:
            return self.paths[match["path"]]
        if match["name"]:
            published = self.addresses.get((match["name"], int(match["port"])))
            return f"{LOOPBACK}:{published}" if published else match[0]
        if match["setting"]:
            return match["setting"] + str(self.own_ports.get(int(match["own"]), match["own"]))
        if match["bound"]:
            return f"{LOOPBACK}:{self.own_ports.get(int(match['bound']), match['bound'])}"
        return LOOPBACK


def render_copy(source: Path, target: Path, substitutions: Substitutions) -> str:
    """Copy a file or folder to `target` with the substitutions applied; remove files that the source no longer has.

    Returns a digest of all written content. Files with the right content are not touched.
    """
    digest = hashlib.sha256()
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    wanted = {target / file.relative_to(source) if source.is_dir() else target: file for file in files}
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for stale in {path for path in target.rglob("*") if path.is_file()} - set(wanted):
            stale.unlink()
    for copy, file in wanted.items():
        content = _rendered(file.read_bytes(), substitutions)
        digest.update(f"{copy.name}\0".encode() + content)
        if not copy.exists() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
        shutil.copymode(file, copy)
    return digest.hexdigest()


def _rendered(content: bytes, substitutions: Substitutions) -> bytes:
    try:
        return substitutions.apply(content.decode("utf-8")).encode("utf-8")
    except UnicodeDecodeError:
        return content
