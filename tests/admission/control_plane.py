"""A control plane with the program's admission policies, the CRDs that they judge, and namespaces of applications."""

import contextlib
import copy
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ruamel.yaml import YAML

from bootstrap.platform.plan.evaluate import evaluate
from conventions import TENANT_LABEL
from rehearsal.chart_repository import SOURCES
from rehearsal.control_plane import TOKEN, ControlPlane, missing_binaries

ROOT = Path(__file__).resolve().parents[2]
CHARTS = "AKS_BOOTSTRAP_CHARTS"
JUDGED = {"traefik": ("IngressRoute", "Middleware"), "external-secrets": ("ExternalSecret",)}
"""Charts whose CRDs are judged."""

Document = dict[str, Any]
Answer = tuple[int, Document]


def missing() -> list[str]:
    """Return the programs that the tests need and PATH lacks."""
    return [*missing_binaries(), *(["helm"] if shutil.which("helm") is None else [])]


@cache
def registered(stack: str = "local") -> tuple[list[Document], list[Document]]:
    """Return the policies and the bindings that the program registers, as objects."""
    made: tuple[list[Document], list[Document]] = ([], [])
    for item in evaluate(ROOT, stack).registrations:
        for kind, found in zip(("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"), made, strict=True):
            if item.type == f"kubernetes:admissionregistration.k8s.io/v1:{kind}":
                found.append({**item.inputs, "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind})
    return made


def archives() -> Path | None:
    """Return the folder of the real charts, where one is named."""
    folder = os.environ.get(CHARTS)
    return Path(folder) if folder else None


@cache
def crds() -> list[Document]:
    """Return the CRDs of the real charts where their archives are there, else those of the rehearsal."""
    found = []
    for chart, kinds in JUDGED.items():
        folder = archives()
        source = sorted(folder.glob(f"{chart}-*.tgz"))[-1] if folder else SOURCES / chart
        command = ["helm", "template", str(source), "--include-crds"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        wanted = re.compile(rf"^ *(names: {{ )?kind: ({'|'.join(kinds)})\b", re.MULTILINE)
        # the whole of the real charts takes a minute to parse
        documents = [text for text in done.stdout.split("\n---\n") if wanted.search(text)]
        found += [YAML(typ="safe").load(text) for text in documents if "kind: CustomResourceDefinition\n" in text]
    assert len(found) == 3
    return found


@dataclass
class Cluster:
    """A control plane, asked as Argo CD asks: by server-side apply."""

    connection: http.client.HTTPSConnection
    _plurals: dict[tuple[str, str], str] = field(default_factory=dict)
    _made: list[str] = field(default_factory=list)

    def request(
        self, method: str, path: str, body: object = None, kind: str = "application/json", *, user: str = ""
    ) -> Answer:
        """Send a request, as an administrator of another name where one is given, and return its status and answer."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        if user:
            headers |= {"Impersonate-User": user, "Impersonate-Group": "system:masters"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self.connection.getresponse()
        text = response.read()
        # a kind that is not served yet is a page that is not found
        return response.status, json.loads(text) if text.startswith(b"{") else {"message": text.decode()}

    def path(self, document: Document, namespace: str = "") -> str:
        """Return the path of an object's collection."""
        version, kind = document["apiVersion"], document["kind"]
        base = f"/{'apis' if '/' in version else 'api'}/{version}"
        if (version, kind) not in self._plurals:
            for item in self.request("GET", base)[1].get("resources", []):
                if "/" not in item["name"]:
                    self._plurals[version, item["kind"]] = item["name"]
        return f"{base}{f'/namespaces/{namespace}' if namespace else ''}/{self._plurals[version, kind]}"

    def apply(self, document: Document, namespace: str = "", *, dry: bool = True, user: str = "") -> Answer:
        """Apply an object, as somebody where one is named, without keeping it unless ``dry=False``."""
        path = f"{self.path(document, namespace)}/{quote(document['metadata']['name'])}"
        query = f"fieldManager=tests&force=true&fieldValidation=Strict{'&dryRun=All' if dry else ''}"
        return self.request("PATCH", f"{path}?{query}", document, "application/apply-patch+yaml", user=user)

    def create(self, document: Document, namespace: str = "") -> Document:
        """Create an object that is sure to be taken."""
        status, answer = self.apply(document, namespace, dry=False)
        assert status in {200, 201}, answer
        return answer

    def await_found(self, path: str) -> None:
        """Wait until something is there."""
        eventually(lambda: self.request("GET", path)[0] == 200)

    def namespace(self, name: str, annotations: Mapping[str, str], labels: Mapping[str, str] | None = None) -> None:
        """Create a namespace as the platform does; an application's has the label."""
        marks = {"pod-security.kubernetes.io/enforce": "restricted", **(labels or {TENANT_LABEL: name})}
        metadata = {"name": name, "labels": marks, "annotations": dict(annotations)}
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self._made.append(name)

    def settle(self) -> None:
        """Wait until every namespace has its account, without which no Pod is admitted."""
        while self._made:
            self.await_found(f"/api/v1/namespaces/{self._made.pop()}/serviceaccounts/default")


def eventually(holds: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.1)


def started(folder: Path) -> Iterator[Cluster]:
    """Start a control plane with the CRDs."""
    plane = ControlPlane(name="admission", folder=folder)
    plane.start(nodes=0)
    context = ssl.create_default_context(cafile=str(plane.pki / "ca.crt"))
    with contextlib.closing(http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=60)) as open_:
        cluster = Cluster(open_)
        _serve(cluster)
        yield cluster
    plane.stop()


def _serve(cluster: Cluster) -> None:
    for document in crds():
        cluster.create(document)
    for document in crds():
        spec = document["spec"]
        version = next(item["name"] for item in spec["versions"] if item["served"])
        path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}"
        cluster.await_found(path)


def without(policy: Document, index: int, name: str) -> Document:
    """Return a policy without one of its validations, under another name."""
    changed = copy.deepcopy(policy)
    changed["metadata"]["name"] = name
    del changed["spec"]["validations"][index]
    if not changed["spec"]["validations"]:
        changed["spec"]["validations"] = [{"expression": "true"}]
    return changed


def bound(policy: str, labels: Mapping[str, str]) -> Document:
    """Return a binding of a policy to namespaces with labels."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": policy},
        "spec": {
            "policyName": policy,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": dict(labels)}},
        },
    }


def resources(policy: Document) -> list[tuple[str, str]]:
    """Return the API groups and resources that a policy judges, subresources too."""
    rules: Sequence[Document] = policy["spec"]["matchConstraints"]["resourceRules"]
    return [(rule["apiGroups"][0], resource) for rule in rules for resource in rule["resources"]]
