"""Paths of the native engine. All files of a running stack are in .run of the checkout."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Layout"]

SOCKET_PATH_BYTES = 100


@dataclass(frozen=True)
class Layout:
    """The folders of one checkout's running stack."""

    root: Path

    @property
    def run(self) -> Path:
        return self.root / ".run"

    @property
    def logs(self) -> Path:
        return self.run / "logs"

    @property
    def previous_logs(self) -> Path:
        return self.run / "logs.previous"

    @property
    def data(self) -> Path:
        return self.run / "data"

    @property
    def temporary(self) -> Path:
        return self.run / "tmp"

    @property
    def config(self) -> Path:
        return self.run / "config"

    @property
    def project(self) -> Path:
        """The supervisor's configuration, written at every start."""
        return self.run / "processes.json"

    @property
    def node(self) -> Path:
        """The folder of the Kubernetes node: logs, images, volumes."""
        return self.run / "kubernetes"

    @property
    def state(self) -> Path:
        return self.run / "state.json"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    @property
    def socket(self) -> Path:
        """The unix socket of the supervisor's API.

        A socket path is limited to about 100 bytes, which a deep checkout exceeds.
        """
        beside = self.run / "supervisor.sock"
        if len(os.fsencode(beside)) <= SOCKET_PATH_BYTES:
            return beside
        # Not $XDG_RUNTIME_DIR or $TMPDIR: a shell without them must find a stack that was started with them.
        return Path("/tmp") / f"sandbox-{hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]}.sock"

    def volume(self, name: str) -> Path:
        return self.data / name

    def scratch(self, service: str) -> Path:
        return self.temporary / service

    def log(self, service: str) -> Path:
        return self.logs / f"{service}.log"

    def native_path(self, folder: Path, container_path: str) -> Path:
        """Map a path in a container to one below `folder`."""
        return folder / container_path.lstrip("/")

    def empty_scratch(self) -> None:
        """Empty the folders that replace tmpfs mounts, as a container's tmpfs is empty at every start."""
        shutil.rmtree(self.temporary, ignore_errors=True)
