"""Certificates and client configurations of a node: made at every start, valid for thirty days, for this node only."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.engines.kubernetes.box import ADDRESS

__all__ = ["CLIENTS", "make"]

DAYS = 30
SERVER = "https://127.0.0.1:6443"
SERVICE_ADDRESS = "10.96.0.1"
API_NAMES = (
    "localhost",
    *(f"kubernetes{rest}" for rest in ("", ".default", ".default.svc", ".default.svc.cluster.local")),
)
# Client -> (common name, organisation): the names that Kubernetes' own roles are bound to.
CLIENTS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "kubelet": ("system:node:node", "system:nodes"),
    "apiserver-kubelet": ("apiserver-kubelet", "system:masters"),
}


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def make(folder: Path, inside: str) -> None:
    """Write certificates, keys and a `.conf` for each client to `folder`, which the node's programs see as `inside`."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority, front = _authority(folder, "ca"), _authority(folder, "front-ca")
    _sign(
        folder,
        "apiserver",
        authority,
        "kube-apiserver",
        names=API_NAMES,
        addresses=(SERVICE_ADDRESS, "127.0.0.1", ADDRESS),
    )
    _sign(folder, "kubelet-server", authority, "node", names=("node",), addresses=("127.0.0.1", ADDRESS))
    _sign(folder, "front", front, "front-proxy")
    for client, (name, organisation) in CLIENTS.items():
        _sign(folder, client, authority, name, organisation)
        (folder / f"{client}.conf").write_text(_configuration(client, inside), encoding="utf-8")
    tokens = rsa.generate_private_key(65537, 2048)
    (folder / "tokens.key").write_bytes(_pem(tokens))
    public = tokens.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "tokens.pub").write_bytes(public)


def _authority(folder: Path, name: str) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder, name, certificate, key)
    return _Authority(certificate, key)


def _sign(
    folder: Path,
    file: str,
    authority: _Authority,
    name: str,
    organisation: str = "",
    names: tuple[str, ...] = (),
    addresses: tuple[str, ...] = (),
) -> None:
    """Write a certificate: of a server if it has names or addresses, otherwise of a client."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organisation:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if addresses else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(x509.Name(parts), authority.certificate.subject, key)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if addresses:
        valid = [*map(x509.DNSName, names), *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses)]
        builder = builder.add_extension(x509.SubjectAlternativeName(valid), critical=False)
    _write(folder, file, builder.sign(authority.key, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(_pem(key))


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _configuration(client: str, inside: str) -> str:
    credentials = {"client-certificate": f"{inside}/{client}.crt", "client-key": f"{inside}/{client}.key"}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "node", "cluster": {"server": SERVER, "certificate-authority": f"{inside}/ca.crt"}}],
            "users": [{"name": client, "user": credentials}],
            "contexts": [{"name": "node", "context": {"cluster": "node", "user": client}}],
            "current-context": "node",
        }
    )
