"""A Kubernetes node of our own: control plane, kubelet and containerd as processes of this machine, in their own
namespaces. It keeps images and volumes; the cluster's objects end with it.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from sandbox.engines.engine import Report
from sandbox.engines.kubernetes import archive, parts
from sandbox.engines.kubernetes.box import ADDRESS, Box
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.engines.native import build
from sandbox.engines.preflight import check_disk
from sandbox.model.errors import StackError

__all__ = ["Node"]

SOURCES = Path(__file__).with_name("node_files")
CONFIGURATION = "--kubeconfig=/run/node/pki/admin.conf"
# Debian's names of what the builder does not build.
PACKAGES = {"containerd": "containerd", "ctr": "containerd", "containerd-shim-runc-v2": "containerd", "runc": "runc"}
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
START_SECONDS = 90
POLL_SECONDS = 0.1
NEEDED_GIB = 8
# The node's own programs use 1 GiB, the parts of the stack at rest another; load adds to that.
NEEDED_MEMORY_GIB = 3
OWN_IMAGES = ("coredns", "pause")
GIB = 1 << 30
KEPT = ("var/lib/containerd", "var/lib/sandbox-volumes")
MADE = ("var/lib/kubelet", "var/lib/etcd", "var/log/pods", "var/log/containers")


@dataclass(frozen=True)
class Node:
    """The node in `folder`. `programs` are found or built when they are needed."""

    folder: Path
    _programs: dict[str, Path] = field(default_factory=dict)

    @property
    def box(self) -> Box:
        return Box(self.folder)

    @property
    def programs(self) -> Mapping[str, Path]:
        if not self._programs:
            self._programs.update(build.ensure_tools(parts.TOOLS))
        return self._programs

    @property
    def cluster(self) -> Cluster:
        """kubectl and helm, run inside the node with its administrator's certificate."""
        programs = {name: str(self.programs[name]) for name in ("kubectl", "helm")}
        return Cluster((programs["kubectl"], CONFIGURATION), (programs["helm"], CONFIGURATION), self.box.enter)

    def runs(self) -> bool:
        return self.box.first() is not None

    def up(self, report: Report) -> None:
        """Start the node and wait until it is ready for pods. On failure, nothing of it is left."""
        self._check_memory()
        programs = self._checked_programs()
        began = time.monotonic()
        self._prepare(programs)
        self.box.start()
        try:
            with ThreadPoolExecutor(1) as other:
                containers = other.submit(self._start_containerd, programs)
                self._start(parts.CONTROL_PLANE, programs)
                self._await("the API server", self.cluster.answers, "kube-apiserver")
                containers.result()
            report(f"API server ready after {time.monotonic() - began:.1f} s")
            self._start(parts.WORKERS, programs)
            self.cluster.kubectl("apply", "--filename=-", stdin=(SOURCES / "cluster.yaml").read_text(encoding="utf-8"))
            self._await("the node", self._ready, "kubelet")
            report(f"Node ready after {time.monotonic() - began:.1f} s")
        except BaseException:
            self.down()
            raise

    def down(self) -> bool:
        """End every process of the node. Return False if it did not run."""
        return self.box.end()

    def clean(self) -> None:
        """Delete everything that the stopped node kept."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def containers(self, *arguments: str, stdin: "subprocess.Popen[bytes] | None" = None) -> str:
        """Run containerd's client `ctr` with the images of Kubernetes; `stdin` is a program whose output it reads."""
        done = subprocess.run(
            self.box.enter("ctr", "--namespace=k8s.io", *arguments),
            stdin=stdin.stdout if stdin else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StackError(
                f"containerd refuses `ctr {' '.join(arguments[:2])}`.",
                f"Its log is {self.folder}/logs/containerd.log.",
                done.stderr.strip().splitlines()[-5:],
            )
        return done.stdout

    def _checked_programs(self) -> Mapping[str, Path]:
        if absent := [program for program in PACKAGES if not shutil.which(program, path=SYSTEM_PATH)]:
            names = " ".join(sorted({PACKAGES[program] for program in absent}))
            raise StackError(
                f"A Kubernetes node needs {', '.join(absent)}, which this machine lacks.",
                f"On Debian: apt-get install {names}; or name a cluster that runs with KUBECONFIG.",
            )
        return self.programs

    def _check_memory(self) -> None:
        available = psutil.virtual_memory().available / GIB
        if available < NEEDED_MEMORY_GIB:
            raise StackError(
                f"{available:.1f} GiB of memory are available; a node with the stack needs {NEEDED_MEMORY_GIB}.",
                "Stop something, start a smaller stack with PROFILE=minimal, or use ENGINE=docker or native.",
            )

    def _prepare(self, programs: Mapping[str, Path]) -> None:
        """Write certificates, configuration and the node's own images; empty what the node before left."""
        # Imported here: it loads a library of cryptography, and every command of every engine imports this module.
        from sandbox.engines.kubernetes import pki

        self.folder.mkdir(parents=True, exist_ok=True)
        check_disk(self.folder, NEEDED_GIB)
        for name in ("pki", "config", "logs", *MADE):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for name in ("logs", *MADE, *KEPT):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        pki.make(self.folder / "pki", parts.PKI)
        shutil.copytree(SOURCES, self.folder / "config")
        values = {"@ADDRESS@": ADDRESS, "@CNI@": str(programs["bridge"].parent)}
        for path in (self.folder / "config").glob("*.*"):
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            for mark, value in values.items():
                text = text.replace(mark, value)
            if path.is_file():
                path.write_text(text, encoding="utf-8")
        for name in OWN_IMAGES:
            archive.write(self.folder / "config" / f"{name}.tar", f"localhost/{name}:1", programs[name])

    def _start_containerd(self, programs: Mapping[str, Path]) -> None:
        self._start(parts.CONTAINERD, programs)
        self._await("containerd", self._containerd_answers, "containerd")
        for name in OWN_IMAGES:
            self.containers("images", "import", f"/run/node/config/{name}.tar")

    def _containerd_answers(self) -> bool:
        return subprocess.run(self.box.enter("ctr", "version"), capture_output=True, check=False).returncode == 0

    def _start(self, names: Mapping[str, object], programs: Mapping[str, Path]) -> None:
        """Start programs of the node. Their parent ends at once, so the node's first process becomes their parent."""
        for name in names:
            with (self.folder / "logs" / f"{name}.log").open("wb") as log:
                subprocess.run(
                    self.box.enter("setsid", "--fork", *parts.command(name, programs)),
                    env={"PATH": SYSTEM_PATH, "HOME": "/root"},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=True,
                )

    def _ready(self) -> bool:
        conditions = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}"
        return self.cluster.kubectl("get", "nodes", f"--output={conditions}").strip() == "True"

    def _await(self, what: str, ready: Callable[[], bool], program: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if time.monotonic() > deadline or not self.runs():
                log = self.folder / "logs" / f"{program}.log"
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
                raise StackError(
                    f"{what[0].upper()}{what[1:]} was not ready within {START_SECONDS} s.",
                    f"Its last lines are above; all of them are in {log}.",
                    lines[-10:],
                )
            time.sleep(POLL_SECONDS)
