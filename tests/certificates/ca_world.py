"""An authority, a name server and a vault that outlive clusters, and clusters with the real controllers that do not."""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from ruamel.yaml import YAML

from components.addons.cert_manager import NAMESPACE as CERT_MANAGER_NAMESPACE
from components.addons.default_certificate import certificate, kept, restored_from
from components.addons.external_secrets import STORE_CONDITIONS
from components.addons.ingress import DEFAULT_CERTIFICATE, NAMESPACE
from components.addons.restored import await_answer
from components.release.cluster_api import ClusterApi
from conventions import CERTIFICATE_STORE
from rehearsal.control_plane import TOKEN, ControlPlane, missing_binaries
from settings.types import Issuer
from tests.admission.control_plane import Cluster, archives, eventually
from tests.argocd.processes import Processes, free_port, processes
from tests.tls_page import certificate as page_certificate

CONTROLLERS = "AKS_BOOTSTRAP_CONTROLLERS"
ZONE, ISSUER, KEY = "dev.example.com", Issuer.LETSENCRYPT_STAGING, "tls-default-letsencrypt-staging"
_TSIG = base64.b64encode(b"a key of the test's own, 32 bytes").decode()
_VAULT = "vault"


def missing() -> list[str]:
    """Return what the tests need and this machine lacks."""
    folder = os.environ.get(CONTROLLERS)
    found = [*missing_binaries(), *(name for name in ("helm", "named", "pebble") if shutil.which(name) is None)]
    if folder is None or not all((Path(folder) / name).exists() for name in ("controller", "external-secrets")):
        found.append(f"{CONTROLLERS}, a folder with cert-manager's controller and external-secrets")
    return found if archives() else [*found, "AKS_BOOTSTRAP_CHARTS"]


class Patient(Cluster):
    """Asks by a connection of its own each time: the server closes one that waits for minutes."""

    def request(
        self, method: str, path: str, body: object = None, kind: str = "application/json", *, user: str = ""
    ) -> tuple[int, dict[str, Any]]:
        self.connection.close()
        return super().request(method, path, body, kind, user=user)


@contextlib.contextmanager
def opened(plane: ControlPlane) -> Iterator[Cluster]:
    """Start a control plane, and talk to it while the context is open."""
    plane.start(nodes=0)
    context = ssl.create_default_context(cafile=str(plane.pki / "ca.crt"))
    try:
        connection = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=60)
        with contextlib.closing(connection):
            yield Patient(connection)
    finally:
        plane.stop()


@dataclass(frozen=True, kw_only=True)
class World:
    """What stays while clusters come and go."""

    folder: Path
    name_server: int
    authority: int
    """Port of the certificate authority."""
    vault: Cluster
    """Holds the vault's secrets, in a namespace."""
    vault_plane: ControlPlane

    def stored(self) -> bool:
        """Whether the vault has a copy."""
        return self.vault.request("GET", f"/api/v1/namespaces/{_VAULT}/secrets/{KEY}")[0] == 200

    def empty(self) -> None:
        """Take the copy out of the vault."""
        status, answer = self.vault.request("DELETE", f"/api/v1/namespaces/{_VAULT}/secrets/{KEY}")
        assert status == 200, answer


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Start the name server, the authority and the vault."""
    with processes(folder / "world") as running:
        name_server, authority = free_port(), free_port()
        _name_server(running, folder, name_server)
        _authority(running, folder, authority, name_server)
        plane = ControlPlane(name="vault", folder=folder / "vault")
        with opened(plane) as vault:
            vault.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _VAULT}})
            yield World(folder=folder, name_server=name_server, authority=authority, vault=vault, vault_plane=plane)


def _name_server(running: Processes, folder: Path, port: int) -> None:
    """https://bind9.readthedocs.io/en/stable/reference.html#dynamic-update-policies."""
    (folder / "zone.db").write_text(
        f"$ORIGIN {ZONE}.\n$TTL 1\n@ IN SOA ns.{ZONE}. root.{ZONE}. ( 1 60 60 60 1 )\n@ IN NS ns.{ZONE}.\n"
        f"ns IN A 127.0.0.1\n"
    )
    (folder / "named.conf").write_text(
        f"""\
key "acme" {{ algorithm hmac-sha256; secret "{_TSIG}"; }};
options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;
  pid-file none; session-keyfile "{folder}/session.key"; managed-keys-directory "{folder}"; dnssec-validation no; }};
controls {{ }};
zone "{ZONE}" {{ type primary; file "{folder}/zone.db"; update-policy {{ grant acme zonesub TXT; }}; }};
"""
    )
    running.start("named", ["named", "-g", "-c", str(folder / "named.conf")], port=port)


def _authority(running: Processes, folder: Path, port: int, name_server: int) -> None:
    """https://github.com/letsencrypt/pebble: an authority that validates, and forgets everything with its process."""
    file, _ = page_certificate(folder, "localhost")
    settings = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{free_port()}",
        "certificate": str(file),
        "privateKey": str(file),
        "httpPort": free_port(),
        "tlsPort": free_port(),
        "profiles": {"default": {"description": "the only one", "validityPeriod": 7776000}},
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
    command = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{name_server}"]
    quick = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
    running.start("pebble", command, port=port, environment=quick)


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A cluster with the controllers, and the objects that the program makes for the default certificate."""

    cluster: Cluster
    api: ClusterApi

    def issue(self) -> None:
        """Make the objects in the program's order, with its waits."""
        self._create("external-secrets.io/v1", "ExternalSecret", restored_from(KEY, ISSUER)[1])
        await_answer(self.api, DEFAULT_CERTIFICATE, NAMESPACE)
        self._create("cert-manager.io/v1", "Certificate", certificate(ZONE, ISSUER))
        version, push = kept(KEY)
        self._create(version, "PushSecret", push)
        # cert-manager gives name servers a minute for each of the two challenges
        eventually(lambda: self.api.certificate_refusal(DEFAULT_CERTIFICATE, NAMESPACE) is None, seconds=300)

    def _create(self, version: str, kind: str, spec: dict[str, Any]) -> None:
        metadata = {"name": DEFAULT_CERTIFICATE, "namespace": NAMESPACE}
        self.cluster.create({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}, NAMESPACE)

    @property
    def serial(self) -> int:
        """Serial number of the certificate that the proxies serve."""
        return x509.load_pem_x509_certificate(
            self.api.tls_certificate(DEFAULT_CERTIFICATE, NAMESPACE).encode()
        ).serial_number

    @property
    def orders(self) -> int:
        """How many certificates were ordered here."""
        _, answer = self.cluster.request("GET", "/apis/acme.cert-manager.io/v1/orders")
        return len(answer["items"])


@contextlib.contextmanager
def generation(world: World, number: int) -> Iterator[Generation]:
    """Start a cluster with the real CRDs and controllers, an issuer, and the store that reads and writes the vault."""
    folder = world.folder / f"g{number}"
    plane = ControlPlane(name=f"g{number}", folder=folder)
    with opened(plane) as cluster, processes(folder / "logs") as running:
        for document in _crds():
            cluster.create(document)
        for document in _crds():
            spec = document["spec"]
            served = next(item["name"] for item in spec["versions"] if item["served"])
            cluster.await_found(f"/apis/{spec['group']}/{served}/{spec['names']['plural']}")
        for name in (CERT_MANAGER_NAMESPACE, NAMESPACE, "external-secrets"):
            cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        _secret(cluster, "external-secrets", "vault", TOKEN)
        _secret(cluster, CERT_MANAGER_NAMESPACE, "tsig", _TSIG)
        cluster.create(_store(world))
        cluster.create(_issuer(world))
        _start(running, plane.kubeconfig, world.name_server)
        yield Generation(cluster=cluster, api=ClusterApi(str(plane.kubeconfig)))


def _start(running: Processes, kubeconfig: Path, name_server: int) -> None:
    folder, metrics, health, live = Path(os.environ[CONTROLLERS]), free_port(), free_port(), free_port()
    controller = [
        str(folder / "controller"),
        f"--kubeconfig={kubeconfig}",
        "--leader-elect=false",
        f"--cluster-resource-namespace={CERT_MANAGER_NAMESPACE}",
        f"--dns01-recursive-nameservers=127.0.0.1:{name_server}",
        "--dns01-recursive-nameservers-only",
        f"--metrics-listen-address=127.0.0.1:{metrics}",
        f"--internal-healthz-listen-address=127.0.0.1:{health}",
    ]
    running.start("cert-manager", controller, port=metrics)
    # as components/addons/external_secrets.py has it where a certificate is kept
    operator = [
        str(folder / "external-secrets"),
        "--enable-cluster-external-secret-reconciler=false",
        "--enable-cluster-push-secret-reconciler=false",
        f"--metrics-addr=127.0.0.1:{free_port()}",
        f"--live-addr=127.0.0.1:{live}",
    ]
    running.start("external-secrets", operator, port=live, environment={"KUBECONFIG": str(kubeconfig)})


def _crds() -> list[dict[str, Any]]:
    folder = archives()
    assert folder is not None
    found = []
    for chart, flag in (("cert-manager", "crds.enabled=true"), ("external-secrets", "installCRDs=true")):
        archive = sorted(folder.glob(f"{chart}-*.tgz"))[-1]
        done = subprocess.run(
            ["helm", "template", str(archive), "--set", flag], capture_output=True, text=True, check=True
        )
        wanted = re.compile(
            r"^    kind: (Certificate|CertificateRequest|Issuer|ClusterIssuer|Order|Challenge"
            r"|ExternalSecret|SecretStore|ClusterSecretStore|PushSecret|GeneratorState|ClusterExternalSecret"
            r"|ClusterPushSecret)$",
            re.MULTILINE,
        )
        documents = [text for text in done.stdout.split("\n---\n") if wanted.search(text)]
        found += [YAML(typ="safe").load(text) for text in documents if "kind: CustomResourceDefinition\n" in text]
    for document in found:
        # no webhook runs here
        document["spec"].pop("conversion", None)
    return found


def _secret(cluster: Cluster, namespace: str, name: str, value: str) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"value": value}}
    cluster.create(body, namespace)


def _store(world: World) -> dict[str, Any]:
    """Return the store of certificates, with another cluster in the place of Azure's vault."""
    authority = base64.b64encode((world.vault_plane.pki / "ca.crt").read_bytes()).decode()
    token = {"name": "vault", "namespace": "external-secrets", "key": "value"}
    provider = {
        "remoteNamespace": _VAULT,
        "server": {"url": world.vault_plane.server, "caBundle": authority},
        "auth": {"token": {"bearerToken": token}},
    }
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ClusterSecretStore",
        "metadata": {"name": CERTIFICATE_STORE},
        "spec": {"conditions": STORE_CONDITIONS[CERTIFICATE_STORE], "provider": {"kubernetes": provider}},
    }


def _issuer(world: World) -> dict[str, Any]:
    solver = {
        "nameserver": f"127.0.0.1:{world.name_server}",
        "tsigKeyName": "acme",
        "tsigAlgorithm": "HMACSHA256",
        "tsigSecretSecretRef": {"name": "tsig", "key": "value"},
    }
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "ClusterIssuer",
        "metadata": {"name": ISSUER.value},
        "spec": {
            "acme": {
                "server": f"https://127.0.0.1:{world.authority}/dir",
                "skipTLSVerify": True,
                "email": "platform@example.com",
                "privateKeySecretRef": {"name": "account"},
                "solvers": [{"dns01": {"rfc2136": solver}}],
            }
        },
    }
