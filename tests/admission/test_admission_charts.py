"""An honest application: every option of the charts, rendered by Helm, and what its controllers make of it."""

from typing import Any

import pytest

from conventions import HOSTS_ANNOTATION, IDENTITIES_ANNOTATION, REGISTRIES_ANNOTATION, VAULT_KEYS_ANNOTATION
from tests.admission.control_plane import Cluster
from tests.chart_cases import BASE, CASES, CLIENT_ID, NAMES, NAMESPACE, before_and_after, objects, pod_template

ELSEWHERE = {"secrets.store", "global", "ingress.className"}
"""Options whose cases name another store or another ingress class, which an application may not have."""


@pytest.fixture(scope="module")
def application(cluster: Cluster) -> Cluster:
    """The application's namespace, as the platform writes it."""
    annotations = {
        HOSTS_ANNOTATION: "shop.example.com, other.example.com, www.example.com, example.com",
        REGISTRIES_ANNOTATION: "example.azurecr.io",
        VAULT_KEYS_ANNOTATION: "shop-*",
        IDENTITIES_ANNOTATION: CLIENT_ID,
    }
    cluster.namespace(NAMESPACE, annotations)
    cluster.settle()
    return cluster


@pytest.mark.parametrize("chart", NAMES)
def test_what_every_option_renders_is_admitted_unless_it_leaves_the_platform(application: Cluster, chart: str) -> None:
    refused = {}
    for path in ("", *CASES[chart]):
        documents = objects(chart, before_and_after(chart, path)[1] if path else dict(BASE[chart]))
        for document in (*(item for item in documents if item["kind"] != "Namespace"), _pod(documents)):
            status, answer = application.apply(document, NAMESPACE)
            if status not in {200, 201}:
                refused[path] = f"{document['kind']}: {answer['message']}"
    assert refused.keys() == ELSEWHERE & CASES[chart].keys(), refused


def _pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """The Pod that the workload's controller would create."""
    template = pod_template(documents)
    # a dry run creates no account of the application's own
    spec = {**template["spec"], "serviceAccountName": "default"}
    metadata = {"name": "shop", "labels": template["metadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
