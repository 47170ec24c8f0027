"""The cluster's verdict on images, keys and hosts is that of ``bootstrap validate``: both are held to one table."""

from collections.abc import Iterator

import pytest

from conventions import HOSTS_ANNOTATION, REGISTRIES_ANNOTATION, VAULT_KEYS_ANNOTATION
from tests.admission.cases import Case
from tests.admission.control_plane import Cluster
from tests.claim_tables import HOSTS, IMAGES, KEYS

SUBJECTS = {
    REGISTRIES_ANNOTATION: (IMAGES, "CronJob", "spec.jobTemplate.spec.template.spec.containers[0].image"),
    VAULT_KEYS_ANNOTATION: (KEYS, "ExternalSecret", "spec.data[0].remoteRef.key"),
    HOSTS_ANNOTATION: (HOSTS, "Ingress", "spec.rules[0].host"),
}


@pytest.fixture(scope="module")
def namespaces(cluster: Cluster) -> Iterator[dict[tuple[str, str], str]]:
    """A namespace for each list that a table names."""
    made: dict[tuple[str, str], str] = {}
    for annotation, (table, _, _) in SUBJECTS.items():
        for allowed, _, _ in table:
            if (annotation, allowed) not in made:
                made[annotation, allowed] = f"table-{len(made)}"
                cluster.namespace(made[annotation, allowed], {annotation: f"unused.example.net/a, {allowed} "})
    yield made


@pytest.mark.parametrize("annotation", SUBJECTS)
def test_the_cluster_agrees_with_validate(
    cluster: Cluster, namespaces: dict[tuple[str, str], str], annotation: str
) -> None:
    table, base, path = SUBJECTS[annotation]
    wrong = []
    for allowed, given, is_allowed in table:
        namespace = namespaces[annotation, allowed]
        status, answer = cluster.apply(Case(name="", base=base, changes={path: given}).document(namespace), namespace)
        if status != (201 if is_allowed else 403):
            wrong.append((allowed, given, status, answer.get("message")))
    assert wrong == []
