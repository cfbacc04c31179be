"""What a stand-in image is made of, derived from the facts in sandbox/engines/native/images.toml: pure functions."""

import json
from collections.abc import Sequence

from sandbox.engines.native.images import Image

__all__ = ["BUSYBOX_BASES", "busybox_links", "dockerfile", "environments"]

# Bases whose official form brings busybox; a scratch image has nothing at all, a Debian one its own tools.
BUSYBOX_BASES = ("alpine", "busybox", "distroless")


def dockerfile(image: Image, base: str, commands: Sequence[str] = ()) -> str:
    """The Dockerfile of a stand-in whose own files are in `rootfs.tar`.

    `base` is the image below it (`scratch` where the official one has no Debian); `commands` run at build time as root.
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
    """Links to busybox: path of the link -> path of busybox; empty where the image brings no shell.

    An Alpine or busybox image has every applet; a distroless one has them only where its `:debug` variant keeps them,
    which the facts state as tools below /busybox.
    """
    if image.base not in BUSYBOX_BASES or not image.tools:
        return {}
    home = "/busybox" if image.base == "distroless" else "/bin"
    links = {f"{home}/{applet}": f"{home}/busybox" for applet in applets if applet != "busybox"}
    return links | dict.fromkeys(image.tools, f"{home}/busybox")


def environments(image: Image) -> set[str]:
    """Names of the [venv.*] tables whose packages the image has installed, so that their commands are on its PATH."""
    return {
        source.owner
        for source in image.binaries.values()
        if source.scheme == "venv" and source.member.startswith("bin/")
    }
