"""The namespaces of a node: a network, mounts and process ids of its own. Ending the first process ends everything."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox.model.errors import StackError

__all__ = ["ADDRESS", "Box"]

SCRIPT = Path(__file__).with_name("box.sh")
ADDRESS = "192.168.77.1"
START_SECONDS = 15
END_SECONDS = 30
PROGRAMS = ("unshare", "nsenter", "ip", "iptables", "mount", "sysctl")


@dataclass(frozen=True)
class Box:
    """The namespaces of the node in `folder`. The first process's id and start time are in `folder`/box."""

    folder: Path

    def start(self) -> None:
        """Start the first process and wait until mounts and network are prepared."""
        if os.geteuid() != 0:
            raise StackError(
                "A Kubernetes node needs root, and this is another user.",
                "Run the command as root (`sudo -E make up ENGINE=kubernetes`), or use another engine.",
            )
        if missing := [name for name in PROGRAMS if not shutil.which(name)]:
            raise StackError(
                f"A Kubernetes node needs {', '.join(missing)}, which this machine lacks.",
                "On Debian: apt-get install util-linux iproute2 iptables mount procps",
            )
        _remove_cgroups()
        if any(folder.exists() for folder in _cgroups()):
            raise StackError(
                "Another Kubernetes node runs on this machine: it uses the control groups `kubepods`.",
                "Stop it first; if it is another checkout's, with `make down` there.",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        namespaces = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation=private"]
        with (self.folder / "box.log").open("wb") as log:
            outer = subprocess.Popen(
                [
                    "unshare",
                    *namespaces,
                    "--kill-child=SIGKILL",
                    "bash",
                    str(SCRIPT),
                    str(self.folder),
                    f"{ADDRESS}/24",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        first = self._await_first(outer)
        (self.folder / "box").write_text(f"{first.pid} {first.create_time()}", encoding="ascii")

    def end(self) -> bool:
        """Kill the first process, and with it every process of the node. Return False if it did not run."""
        first = self.first()
        if first:
            first.send_signal(signal.SIGKILL)
            first.wait(END_SECONDS)
        _remove_cgroups()
        (self.folder / "box").unlink(missing_ok=True)
        return first is not None

    def first(self) -> psutil.Process | None:
        """Return the first process, if it runs."""
        try:
            pid, started = (self.folder / "box").read_text(encoding="ascii").split()
            process = psutil.Process(int(pid))
            return process if process.create_time() == float(started) and process.is_running() else None
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None

    def enter(self, *command: str) -> list[str]:
        """Return the command that runs `command` inside. Not `ip netns exec`, which mounts /sys without the cgroups."""
        first = self.first()
        if first is None:
            raise StackError("The Kubernetes node does not run.", "`make up ENGINE=kubernetes` starts it.")
        return ["nsenter", f"--target={first.pid}", "--net", "--mount", "--pid", "--", *command]

    def _await_first(self, outer: "subprocess.Popen[bytes]") -> psutil.Process:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and outer.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                for child in psutil.Process(outer.pid).children():
                    if Path(f"/proc/{child.pid}/root/run/prepared").exists():
                        return child
            time.sleep(0.05)
        outer.kill()
        raise StackError(
            "The namespaces of a Kubernetes node could not be prepared here.",
            "It needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN, as in a privileged container.",
            (self.folder / "box.log").read_text(encoding="utf-8", errors="replace").splitlines()[-5:],
        )


def _remove_cgroups() -> None:
    """Remove the empty cgroups of ended containers: no process of the node is left to do it."""
    for top in _cgroups():
        for folder in [*sorted(top.rglob("*/"), reverse=True), top]:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _cgroups() -> list[Path]:
    """Return the cgroups of pods and containers: in each hierarchy of version 1, or the only one of version 2."""
    tops = [Path("/sys/fs/cgroup"), *Path("/sys/fs/cgroup").glob("*/")]
    return [top / name for top in tops for name in ("kubepods", "k8s.io")]
