"""Generates the Dockerfile of a stand-in image from sandbox/engines/native/images.toml. Pure functions."""

import json
from collections.abc import Sequence

from sandbox.engines.native.images import Image

__all__ = ["BUSYBOX_BASES", "busybox_links", "dockerfile", "environments"]

# Bases whose official images contain busybox. A scratch image contains nothing, a Debian one its own tools.
BUSYBOX_BASES = ("alpine", "busybox", "distroless")


def dockerfile(image: Image, base: str, commands: Sequence[str] = ()) -> str:
    """Return the Dockerfile of a stand-in whose own files are in `rootfs.tar`.

    `base` is the base image (`scratch` if the official one is not based on Debian). `commands` run at build time as
    root.
    """
    variables = {"PATH": ":".join(image.path), **image.environment}
    lines = [f"FROM {base}", "ADD rootfs.tar /"]
    lines += [f"ENV {name}={json.dumps(value)}" for name, value in variables.items()]
    lines += [f"RUN {command}" for command in commands]
    lines += [f"VOLUME {json.dumps(list(image.volumes))}"] if image.volumes else []
    lines += [f"EXPOSE {port}" for port in image.ports]
    lines += [f"WORKDIR {image.workdir}", f"USER {image.user}"]
    lines += [f"ENTRYPOINT {json.dumps(list(image.entrypoint))}", f"CMD {json.dumps(list(image.cmd))}"]
    return "\n".join(lines) + "\n"


def busybox_links(image: Image, applets: list[str]) -> dict[str, str]:
    """Return path of the link -> path of busybox; empty if the image has no shell.

    An Alpine or busybox image has every applet. A distroless image has applets only where its `:debug` variant has
    them; images.toml lists these as tools in /busybox.
    """
    if image.base not in BUSYBOX_BASES or not image.tools:
        return {}
    home = "/busybox" if image.base == "distroless" else "/bin"
    links = {f"{home}/{applet}": f"{home}/busybox" for applet in applets if applet != "busybox"}
    return links | dict.fromkeys(image.tools, f"{home}/busybox")


def environments(image: Image) -> set[str]:
    """Return the [venv.*] tables whose packages are installed in the image, so that their commands are on its PATH."""
    return {
        source.owner
        for source in image.binaries.values()
        if source.scheme == "venv" and source.member.startswith("bin/")
    }
