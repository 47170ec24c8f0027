"""Upgrades of the addons' real charts on a real API server, one minor version after the other: no object is lost.

The folder of charts has to hold several versions of each (`helm pull`); what it lacks is left out. Nodes and Pods are
played, definitions, Helm and the engine are not.
"""

import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config
from rich.console import Console

from bootstrap.platform.findings import Finding, Verdict
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.run import settings_of
from bootstrap.platform.upgrade.check import Upgrade, examine
from bootstrap.platform.verify.cluster import Cluster
from bootstrap.platform.verify.objects import path_of
from components.addons.charts import IMAGE_UPDATER, PINNED, TRAEFIK
from components.release.cluster_api import ClusterApi
from components.release.kubernetes_types import PREFIX, RELEASE
from components.release.stored_versions import migrate
from rehearsal.project import Project
from rehearsal.sandbox import CHARTS
from settings import Settings
from tests.chart_versions import versions
from tests.published_charts import helm_repository

DEFINITIONS = path_of("apiextensions.k8s.io", "v1", "customresourcedefinitions")
ESO = "external-secrets"
STEPS = 3


@pytest.fixture(scope="module")
def archives(real_charts: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Several versions of each chart; today's values have keys that earlier schemas of Traefik's refuse."""
    if real_charts is None:
        pytest.skip("AKS_BOOTSTRAP_CHARTS names no folder with charts")
    installed = [chart for chart in PINNED if chart is not IMAGE_UPDATER]
    if few := [chart.name for chart in installed if len(versions(real_charts, chart.name)) < STEPS]:
        pytest.skip(f"{real_charts} has fewer than {STEPS} versions of {', '.join(few)}")
    folder = tmp_path_factory.mktemp("archives")
    for archive in real_charts.glob("*.tgz"):
        earlier = archive.name.startswith("traefik-") and archive.name != f"traefik-{TRAEFIK.version}.tgz"
        with tarfile.open(archive) as read, tarfile.open(folder / archive.name, "w:gz") as written:
            for member in read.getmembers():
                if not (earlier and member.name == "traefik/values.schema.json"):
                    written.addfile(member, read.extractfile(member) if member.isfile() else None)
    return folder


@pytest.fixture(scope="module")
def repository(archives: Path) -> Iterator[str]:
    with helm_repository(archives / "index.yaml") as url:
        yield url


class Plane:
    """A control plane, asked as the commands ask it."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self.cluster = Cluster(config.new_client_from_config(str(kubeconfig)))

    def kubectl(self, *words: str, given: Mapping[str, Any] | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.kubeconfig.parent / 'cache'}", *words],
            input=json.dumps(given) if given else None,
            capture_output=True,
            text=True,
            check=False,
        )

    def apply(self, *objects: Mapping[str, Any]) -> None:
        self.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=30s")
        for each in objects:
            done = self.kubectl("apply", "--server-side", "--field-manager=argocd-controller", "-f", "-", given=each)
            assert done.returncode == 0, done.stderr

    def objects(self) -> dict[str, tuple[str, Any]]:
        """Return identity and specification of every object of an addon's own kinds."""
        found = {}
        for definition in self.cluster.items(DEFINITIONS):
            spec = definition["spec"]
            version = next(each["name"] for each in spec["versions"] if each["storage"])
            for item in self.cluster.items(path_of(spec["group"], version, spec["names"]["plural"])):
                metadata = item["metadata"]
                name = f"{definition['metadata']['name']} {metadata.get('namespace', '')}/{metadata['name']}"
                found[name] = metadata["uid"], item.get("spec")
        return found

    def stored(self, name: str) -> list[str]:
        found: list[str] = self.cluster.get(f"{DEFINITIONS}/{name}")["status"]["storedVersions"]
        return found


@pytest.fixture
def plane(cluster: Any) -> Plane:
    return Plane(cluster.plane.kubeconfig)


def custom(
    api_version: str, kind: str, name: str, spec: Mapping[str, Any], namespace: str = "default"
) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


OBJECTS = (
    custom("cert-manager.io/v1", "Issuer", "own", {"selfSigned": {}}),
    custom(
        "cert-manager.io/v1",
        "Certificate",
        "own",
        {"secretName": "own", "issuerRef": {"name": "own"}, "dnsNames": ["a.example.com"]},
    ),
    custom("traefik.io/v1alpha1", "Middleware", "own", {"compress": {}}),
    custom(
        "traefik.io/v1alpha1", "IngressRoute", "own", {"routes": [{"kind": "Rule", "match": "Host(`a.example.com`)"}]}
    ),
    custom("argoproj.io/v1alpha1", "AppProject", "own", {"sourceRepos": []}, "argocd"),
)


def store(version: str) -> dict[str, Any]:
    fake = {"provider": {"fake": {"data": [{"key": "a", "value": "b"}]}}}
    return custom(f"external-secrets.io/{version}", "SecretStore", "own", fake)


def secret(version: str) -> dict[str, Any]:
    spec = {
        "secretStoreRef": {"kind": "SecretStore", "name": "own"},
        "target": {"name": "own"},
        "data": [{"secretKey": "a", "remoteRef": {"key": "a"}}],
    }
    return custom(f"external-secrets.io/{version}", "ExternalSecret", "own", spec)


def asked(
    plane: Plane, releases: list[dict[str, Any]], objects: list[dict[str, Any]], settings: Settings, archives: Path
) -> list[Finding]:
    upgrade = Upgrade(settings=settings, cluster=plane.cluster, releases=releases, objects=objects, charts=archives)
    return list(examine("local", upgrade, console=Console(quiet=True)).findings)


def test_each_addons_last_minor_versions_one_after_the_other(
    cluster: Any, plane: Plane, local: Project, archives: Path, repository: str
) -> None:
    simulator = cluster.simulate()
    keys = dict(zip((chart.name for chart in PINNED), CHARTS, strict=True))
    steps = {chart.name: versions(archives, chart.name)[-STEPS:] for chart in PINNED if chart is not IMAGE_UPDATER}
    sources: dict[str, Any] = {keys[name]: {"version": all_[0]} for name, all_ in steps.items()}
    local.configure({"charts": {"mirror": repository, "timeoutSeconds": 120, **sources}})
    local.pulumi("up", "--yes")
    plane.apply(*OBJECTS, store("v1"), secret("v1"))
    before = plane.objects()
    assert {name.split()[0].partition(".")[2] for name in before} >= {"cert-manager.io", "traefik.io", "argoproj.io"}

    for number in range(1, STEPS):
        sources = {keys[name]: {"version": all_[number]} for name, all_ in steps.items()}
        local.configure({"charts": {"mirror": repository, "timeoutSeconds": 120, **sources}})
        registered = evaluate(local.folder, "local").registrations
        found = asked(
            plane,
            [each.inputs for each in registered if each.type == RELEASE],
            [each.inputs for each in registered if each.type.startswith(PREFIX) and each.type != RELEASE],
            settings_of(local.folder, "local"),
            archives,
        )
        assert [each for each in found if each.verdict is not Verdict.FINE] == []
        assert {each.subject for each in found if each.check == "charts"} == set(steps)

        local.pulumi("up", "--yes")

        after = plane.objects()
        assert {name: after.get(name) for name in before} == before
    simulator.stop()


EXTERNAL_SECRETS = "externalsecrets.external-secrets.io"


@pytest.fixture
def eso(plane: Plane, archives: Path, local: Project) -> "Eso":
    if missing := {"0.15.1", "0.16.2", "0.17.0"} - set(versions(archives, ESO)):
        pytest.skip(f"{archives} has no {ESO} {', '.join(sorted(missing))}")
    made = Eso(plane, archives, settings_of(local.folder, "local"))
    made.helm("0.15.1")
    plane.apply(store("v1beta1"), secret("v1beta1"))
    assert plane.stored(EXTERNAL_SECRETS) == ["v1beta1"]
    assert made.blocked("0.16.2") == {}
    made.helm("0.16.2")
    assert plane.stored(EXTERNAL_SECRETS) == ["v1beta1", "v1"]
    return made


@dataclass(frozen=True)
class Eso:
    """External Secrets Operator between the version that wrote v1beta1 and the one that no longer serves it."""

    plane: Plane
    archives: Path
    settings: Settings

    def helm(self, version: str) -> None:
        command = ["helm", "upgrade", "--install", ESO, str(self.archives / f"{ESO}-{version}.tgz"), "--namespace", ESO]
        options = ["--create-namespace", "--kubeconfig", str(self.plane.kubeconfig), "--set", "webhook.create=false"]
        subprocess.run([*command, *options], capture_output=True, check=True)

    def blocked(self, version: str) -> dict[str, Finding]:
        inputs = {"name": ESO, "namespace": ESO, "version": version, "values": {"webhook": {"create": False}}}
        found = asked(self.plane, [inputs], [], self.settings, self.archives)
        return {each.subject: each for each in found if each.verdict is Verdict.BLOCKED}


def test_a_version_that_is_no_longer_served_is_told_before(eso: Eso) -> None:
    before = eso.plane.objects()

    told = eso.blocked("0.17.0")
    assert set(told) == {EXTERNAL_SECRETS, "secretstores.external-secrets.io"}
    assert "no longer serves v1beta1, in which 1 objects are written: default/own" in told[EXTERNAL_SECRETS].detail
    assert "external-secrets.io/v1 " in told[EXTERNAL_SECRETS].remedy

    eso.plane.apply(store("v1"), secret("v1"))
    assert eso.blocked("0.17.0") == {}
    eso.helm("0.17.0")
    assert eso.blocked("2.9.0") == {}
    eso.helm("2.9.0")
    assert {name: eso.plane.objects().get(name) for name in before} == before


def test_whoever_goes_on_all_the_same_loses_no_object(eso: Eso) -> None:
    before = eso.plane.objects()
    eso.helm("0.17.0")
    refused = eso.plane.kubectl("apply", "--server-side", "-f", "-", given=secret("v1beta1"))
    assert "could not find the requested resource" in refused.stderr
    assert eso.plane.objects() == before

    eso.plane.apply(store("v1"), secret("v1"))
    assert eso.plane.objects() == before


def test_a_version_can_leave_a_definition_once_its_objects_are_rewritten(eso: Eso) -> None:
    path = f"{DEFINITIONS}/{EXTERNAL_SECRETS}"
    without = eso.plane.cluster.get(path)
    without["spec"]["versions"] = [each for each in without["spec"]["versions"] if each["name"] == "v1"]
    before = eso.plane.objects()

    refused = eso.plane.kubectl("replace", "-f", "-", given=without)
    assert 'status.storedVersions[0]: Invalid value: "v1beta1"' in refused.stderr

    api = ClusterApi(str(eso.plane.kubeconfig))
    told = migrate(api, ESO, ESO)
    assert f"{EXTERNAL_SECRETS}: 1 objects rewritten as v1, none is v1beta1" in told
    assert migrate(api, ESO, ESO) == []
    assert eso.plane.stored(EXTERNAL_SECRETS) == ["v1"]
    without["metadata"].pop("resourceVersion")
    taken = eso.plane.kubectl("replace", "-f", "-", given=without)
    assert taken.returncode == 0, taken.stderr
    assert eso.plane.objects() == before
