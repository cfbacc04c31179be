"""The programs of a node and their arguments. Paths are those inside the node (box.sh)."""

from collections.abc import Mapping
from pathlib import Path

from sandbox.engines.kubernetes.box import ADDRESS

__all__ = ["CONTAINERD", "CONTROL_PLANE", "TOOLS", "WORKERS", "command"]

PKI = "/run/node/pki"
PODS, SERVICES = "10.244.0.0/16", "10.96.0.0/16"
ETCD = "http://127.0.0.1:2379"
# The tables [program.*] of images.toml that a node needs.
TOOLS = ("kubernetes", "etcd", "coredns", "helm", "cni")

CONTAINERD = {"containerd": ("--config=/run/node/config/containerd.toml",)}

_CLIENT = {
    name: (
        f"--kubeconfig={PKI}/{name}.conf",
        f"--authentication-kubeconfig={PKI}/{name}.conf",
        f"--authorization-kubeconfig={PKI}/{name}.conf",
        "--bind-address=127.0.0.1",
        # The only one: it need not wait until it is elected.
        "--leader-elect=false",
    )
    for name in ("controller-manager", "scheduler")
}

CONTROL_PLANE: Mapping[str, tuple[str, ...]] = {
    "etcd": (
        "--name=node",
        "--data-dir=/var/lib/etcd",
        # The node's state is not kept, so it need not be safe on the disk.
        "--unsafe-no-fsync",
        f"--listen-client-urls={ETCD}",
        f"--advertise-client-urls={ETCD}",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--initial-advertise-peer-urls=http://127.0.0.1:2380",
        "--initial-cluster=node=http://127.0.0.1:2380",
        "--log-level=warn",
    ),
    "kube-apiserver": (
        f"--etcd-servers={ETCD}",
        "--bind-address=0.0.0.0",
        f"--advertise-address={ADDRESS}",
        "--secure-port=6443",
        f"--service-cluster-ip-range={SERVICES}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--client-ca-file={PKI}/ca.crt",
        f"--tls-cert-file={PKI}/apiserver.crt",
        f"--tls-private-key-file={PKI}/apiserver.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={PKI}/tokens.pub",
        f"--service-account-signing-key-file={PKI}/tokens.key",
        f"--kubelet-client-certificate={PKI}/apiserver-kubelet.crt",
        f"--kubelet-client-key={PKI}/apiserver-kubelet.key",
        f"--kubelet-certificate-authority={PKI}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",
        f"--requestheader-client-ca-file={PKI}/front-ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={PKI}/front.crt",
        f"--proxy-client-key-file={PKI}/front.key",
    ),
}

# What needs the API server, and exits if it is not ready.
WORKERS: Mapping[str, tuple[str, ...]] = {
    "kube-controller-manager": (
        *_CLIENT["controller-manager"],
        "--use-service-account-credentials",
        f"--service-account-private-key-file={PKI}/tokens.key",
        f"--root-ca-file={PKI}/ca.crt",
        "--allocate-node-cidrs=false",
    ),
    "kube-scheduler": _CLIENT["scheduler"],
    "kubelet": (
        "--config=/run/node/config/kubelet.yaml",
        f"--kubeconfig={PKI}/kubelet.conf",
        "--hostname-override=node",
        f"--node-ip={ADDRESS}",
    ),
    "kube-proxy": (
        f"--kubeconfig={PKI}/proxy.conf",
        "--hostname-override=node",
        "--proxy-mode=iptables",
        f"--cluster-cidr={PODS}",
        # Values of the whole machine, which are left as they are.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0s",
        "--conntrack-tcp-timeout-close-wait=0s",
        "--bind-address=127.0.0.1",
        "--metrics-bind-address=127.0.0.1:10249",
        "--healthz-bind-address=127.0.0.1:10256",
    ),
}


def command(name: str, programs: Mapping[str, Path]) -> list[str]:
    """Return the command line of a part. What is in `programs` is the builder's; containerd is the machine's."""
    arguments = {**CONTAINERD, **CONTROL_PLANE, **WORKERS}[name]
    return [str(programs.get(name, name)), *arguments]
