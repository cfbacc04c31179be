"""Parts of a node without the node: certificates, images, command lines, refusals, what is reserved for the chart."""

import json
import os
import tarfile
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from sandbox.engines.kubernetes import archive, box, chart, images, node, parts, pki, workloads
from sandbox.engines.kubernetes.box import ADDRESS, Box
from sandbox.engines.kubernetes.chart import Chart
from sandbox.engines.kubernetes.cluster import Cluster
from sandbox.engines.kubernetes.node import Node
from sandbox.model import ROOT
from sandbox.model.compose import read_topology
from sandbox.model.errors import StackError


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.make(folder, "/inside")
    return folder


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def test_the_api_servers_certificate_is_valid_for_its_addresses(certificates: Path) -> None:
    names = certificate(certificates, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} == {"10.96.0.1", "127.0.0.1", ADDRESS}
    assert "kubernetes.default.svc.cluster.local" in names.get_values_for_type(x509.DNSName)


def test_every_certificate_is_signed_by_the_authority_that_its_readers_trust(certificates: Path) -> None:
    for name in ("apiserver", "kubelet-server", *pki.CLIENTS):
        certificate(certificates, name).verify_directly_issued_by(certificate(certificates, "ca"))
    certificate(certificates, "front").verify_directly_issued_by(certificate(certificates, "front-ca"))


def test_clients_have_the_names_that_kubernetes_binds_roles_to(certificates: Path) -> None:
    subjects = {name: certificate(certificates, name).subject.rfc4514_string() for name in pki.CLIENTS}
    assert subjects["kubelet"] == "CN=system:node:node,O=system:nodes"
    assert subjects["scheduler"] == "CN=system:kube-scheduler"
    user = yaml.safe_load((certificates / "scheduler.conf").read_text())["users"][0]["user"]
    assert user["client-certificate"] == "/inside/scheduler.crt"


def test_nobody_else_can_read_the_keys(certificates: Path) -> None:
    assert certificates.stat().st_mode & 0o077 == 0


def test_an_image_of_one_program_has_it_as_its_entrypoint(tmp_path: Path) -> None:
    (tmp_path / "pause").write_bytes(b"program")
    archive.write(tmp_path / "pause.tar", "localhost/pause:1", tmp_path / "pause")
    with tarfile.open(tmp_path / "pause.tar") as packed:
        manifest = json.load(packed.extractfile("manifest.json"))[0]
        configuration = json.load(packed.extractfile(manifest["Config"]))
        with tarfile.open(fileobj=packed.extractfile("layer.tar")) as layer:
            assert (layer.getnames(), layer.getmember("pause").mode) == (["pause"], 0o755)
    assert (manifest["RepoTags"], configuration["config"]["Entrypoint"]) == (["localhost/pause:1"], ["/pause"])


def test_a_built_program_is_run_by_its_path_and_containerd_by_its_name() -> None:
    assert parts.command("etcd", {"etcd": Path("/built/etcd")})[0] == "/built/etcd"
    assert parts.command("containerd", {}) == ["containerd", "--config=/run/node/config/containerd.toml"]


def test_another_user_than_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StackError, match="needs root") as refused:
        Box(tmp_path).start()
    assert "sudo" in refused.value.next_step


def test_a_second_node_on_a_machine_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(box, "PROGRAMS", ())
    monkeypatch.setattr(box, "_cgroups", lambda: [tmp_path])
    (tmp_path / "in use").touch()
    with pytest.raises(StackError, match="Another Kubernetes node"):
        Box(tmp_path / "node").start()


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "SYSTEM_PATH", str(tmp_path))
    with pytest.raises(StackError, match="containerd, ctr") as refused:
        Node(tmp_path).up(print)
    assert "apt-get install containerd runc" in refused.value.next_step


def test_too_little_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "NEEDED_MEMORY_GIB", 1e6)
    with pytest.raises(StackError, match="GiB of memory are available") as refused:
        Node(tmp_path).up(print)
    assert "PROFILE=minimal" in refused.value.next_step


def test_a_node_that_was_killed_is_not_taken_for_running(tmp_path: Path) -> None:
    (tmp_path / "box").write_text(f"{os.getpid()} 1.0")
    assert Box(tmp_path).first() is None, "another process has its number now"


def test_helms_own_words_lead_the_error() -> None:
    script = (
        "echo 'found symbolic link in path' >&2; echo 'Error: no such key' >&2; echo 'Use --debug flag' >&2; exit 1"
    )
    with pytest.raises(StackError, match="sh failed: Error: no such key"):
        Cluster(("kubectl",), ("sh", "-c")).helm(script)


def test_the_words_of_a_container_that_ended_are_the_reason() -> None:
    """Without this, a bucket that is refused shows as a pod that is not ready."""
    ended = {"ready": False, "state": {"terminated": {"message": "The bucket logs cannot be used."}}}
    pod = {"metadata": {"name": "object-storage-x"}, "status": {"containerStatuses": [ended]}}
    found = workloads.trouble(Cluster(("sh", "-c", f"echo '{json.dumps({'items': [pod]})}'"), ("helm",)))
    assert found
    assert found.problem == "object-storage-x did not become ready: The bucket logs cannot be used."


def test_with_distributed_stores_links_lead_to_prometheus_itself() -> None:
    """Without this, the links to runbooks lead to Thanos, which does not have them."""
    topology = read_topology(ROOT, {})
    release = Chart(topology, topology.services, "ha")
    assert release.distributed
    values = release.values()
    assert values["addresses"]["prometheus"] == f"http://127.0.0.1:{topology.variables['PROMETHEUS_PAIR_PORT']}"
    assert values["images"]["thanos"] == topology.variables["IMAGE_THANOS"]
    assert "loki-ingester" not in values["components"]


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("postgres:18", "docker.io/library/postgres:18"),
        ("grafana/loki:3.7.8", "docker.io/grafana/loki:3.7.8"),
        ("ghcr.io/shopify/toxiproxy:2.12.0", "ghcr.io/shopify/toxiproxy:2.12.0"),
        ("localhost/pause:1", "localhost/pause:1"),
    ],
)
def test_an_image_has_the_name_that_kubelet_asks_for(written: str, full: str) -> None:
    assert images._full(written) == full


def test_an_unknown_size_is_refused_with_those_there_are() -> None:
    with pytest.raises(StackError, match="no size 'huge'") as refused:
        Chart(read_topology(ROOT, {}), {}, "huge")
    assert "standard, ha, small" in refused.value.next_step


def test_the_chart_gets_what_this_checkout_decides() -> None:
    topology = read_topology(ROOT, {})
    values = Chart(topology, topology.selected(without={"grafana"})).values()
    assert values["images"]["loki"] == topology.services["loki"].image
    assert values["addresses"]["prometheus"] == f"http://127.0.0.1:{topology.variables['PROMETHEUS_PORT']}"
    assert [name for name, part in values["components"].items() if not part["enabled"]] == ["grafana"]


def test_each_replica_has_a_volume_reserved_for_its_claim() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    collector = {"kind": "StatefulSet", "metadata": {"name": "otel-collector"}}
    collector["spec"] = {"replicas": 2, "volumeClaimTemplates": [claim]}
    made = list(chart.volumes([collector, {"kind": "Service"}], "/volumes"))
    assert [one["spec"]["claimRef"]["name"] for one in made] == ["data-otel-collector-0", "data-otel-collector-1"]
    assert made[1]["spec"]["local"]["path"] == "/volumes/data-otel-collector-1"
