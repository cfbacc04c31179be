"""Brings images into the node: from this machine's Docker, or from a registry."""

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from sandbox.engines import docker_client
from sandbox.engines.engine import Report
from sandbox.engines.kubernetes.node import Node
from sandbox.model.errors import StackError

__all__ = ["bring"]

RECORD = "images.json"


def bring(node: Node, references: Iterable[str], report: Report) -> None:
    """Import each image that the node lacks, or has in another version than this machine's Docker.

    Raises StackError if an image is in neither place.
    """
    record = node.folder / RECORD
    known = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    present = set(node.containers("images", "ls", "--quiet").split())
    here = {reference: _identity(reference) for reference in set(references)}
    absent = {r: one for r, one in here.items() if _full(r) not in present or one not in ("", known.get(r))}
    if not absent:
        return
    report(f"Bringing {len(absent)} images to the node")
    for reference in sorted(reference for reference, identity in absent.items() if not identity):
        _pull(node, _full(reference))
    if local := sorted(reference for reference, identity in absent.items() if identity):
        # Together, so that layers that they share are written once.
        with subprocess.Popen(["docker", "image", "save", *local], stdout=subprocess.PIPE) as saved:
            node.containers("images", "import", "-", stdin=saved)
    record.write_text(json.dumps(known | absent, indent=1), encoding="utf-8")


def _identity(reference: str) -> str:
    """Return the id of the image in this machine's Docker, empty if it is not there."""
    if not shutil.which("docker"):
        return ""
    done = docker_client.run(["docker", "image", "inspect", "--format", "{{.Id}}", reference])
    return done.stdout.strip() if done.returncode == 0 else ""


def _pull(node: Node, full: str) -> None:
    """Pull with the machine's network: containerd's client does the transfer, and the node has no way out."""
    socket = Path(f"/proc/{node.box.enter()[1].partition('=')[2]}/root/run/containerd/containerd.sock")
    command = ["ctr", f"--address={socket}", "--namespace=k8s.io", "images", "pull", full]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(
            f"Image {full} is neither in this machine's Docker nor to be had from its registry.",
            "Pull, build or load it with Docker; or name another one with its IMAGE_* variable in .env.local.",
            done.stderr.strip().splitlines()[-3:],
        )


def _full(reference: str) -> str:
    """Return the reference as containerd names it: postgres:18 is docker.io/library/postgres:18."""
    head, slash, _ = reference.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        return reference
    return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"
