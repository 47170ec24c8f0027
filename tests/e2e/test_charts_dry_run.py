"""The charts of applications against a real API server: every field exists, and Pod Security admits every Pod."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from bootstrap.delivery.manifests import load_mapping
from rehearsal.control_plane import ControlPlane
from tests.chart_cases import BASE, CASES, CHARTS, NAMES, NAMESPACE, before_and_after, objects, pod_template

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(
        not all(map(shutil.which, ("helm", "kubectl"))), reason="tests of charts need helm and kubectl on PATH"
    ),
]

SCHEMAS = CHARTS.parent / "cluster" / "schemas"
Documents = Sequence[dict[str, Any]]
Apply = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def apply(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apply]:
    """Apply documents as Argo CD does, from the server's side; nothing stays unless ``dry=False``."""
    plane = ControlPlane(name="charts", folder=tmp_path_factory.mktemp("kwok"))
    plane.start()

    def run(documents: Documents, *, dry: bool = True) -> "subprocess.CompletedProcess[str]":
        command = ["kubectl", f"--kubeconfig={plane.kubeconfig}", f"--namespace={NAMESPACE}", "apply", "--server-side"]
        return subprocess.run(
            [*command, "--validate=strict", *(["--dry-run=server"] if dry else []), "--filename=-"],
            input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)}),
            capture_output=True,
            text=True,
            check=False,
        )

    restricted = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": restricted}}
    for documents in ([namespace], [external_secrets()]):
        done = run(documents, dry=False)
        assert done.returncode == 0, done.stderr
    wait = ["kubectl", f"--kubeconfig={plane.kubeconfig}", "wait", "--for=condition=Established", "crd", "--all"]
    subprocess.run(wait, check=True, capture_output=True)
    yield run
    plane.stop()


def external_secrets() -> dict[str, Any]:
    """A CRD with the fields that ``bootstrap validate`` allows."""
    schema = load_mapping(SCHEMAS / "ExternalSecret.external-secrets.io.yaml")
    schema = {"type": "object", **schema, "required": ["spec"]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "externalsecrets.external-secrets.io"},
        "spec": {
            "group": "external-secrets.io",
            "scope": "Namespaced",
            "names": {"kind": "ExternalSecret", "plural": "externalsecrets", "singular": "externalsecret"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def pod_of(release: str, documents: Documents) -> dict[str, Any]:
    """The Pod that a workload's controller would create, which Pod Security admits or not."""
    template = pod_template(list(documents))
    metadata = {"name": release, "labels": template["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def releases(chart: str) -> dict[str, list[dict[str, Any]]]:
    """What is rendered for every case, by a release's name that tells the option."""
    values = {"least": BASE[chart]} | {path: before_and_after(chart, path)[1] for path in CASES[chart]}
    found = {}
    for path, given in values.items():
        release = f"{chart}-{path.lower().replace('.', '-')}"[:42].rstrip("-")
        assert release not in found
        found[release] = objects(chart, given, release=release)
    return found


@pytest.mark.parametrize("chart", NAMES)
def test_the_api_server_takes_what_every_option_renders_and_admits_its_pod(apply: Apply, chart: str) -> None:
    rendered = releases(chart)
    every = [document for documents in rendered.values() for document in documents]
    # a Pod is not admitted without its service account, and a dry run creates none
    accounts = apply([document for document in every if document["kind"] == "ServiceAccount"], dry=False)
    assert (accounts.returncode, accounts.stderr) == (0, "")
    done = apply([*every, *(pod_of(release, documents) for release, documents in rendered.items())])
    # Pod Security warns of a workload whose Pods it would not admit
    assert done.stderr == ""
    assert done.returncode == 0
    assert done.stdout.count("pod/") == len(CASES[chart]) + 1


def test_a_field_that_does_not_exist_and_a_pod_that_may_do_more_are_refused(apply: Apply) -> None:
    documents = objects("web", {**BASE["web"], "secrets": {"env": {"TOKEN": "a"}}})
    accounts = [document for document in documents if document["kind"] == "ServiceAccount"]
    assert apply(accounts, dry=False).returncode == 0
    pod = pod_of("shop", documents)
    assert apply([pod]).returncode == 0

    pod["spec"]["securityContext"]["runAsNonRoot"] = False
    assert "violates PodSecurity" in apply([pod]).stderr
    for kind, spelled in (("Deployment", "replica"), ("ExternalSecret", "refreshIntervall")):
        [document] = [document for document in documents if document["kind"] == kind]
        document["spec"][spelled] = 1
        done = apply([document])
        assert done.returncode == 1
        assert spelled in done.stderr
