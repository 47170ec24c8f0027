"""One control plane for all tests of the policies; skipped, with one line, where a program is missing."""

from collections.abc import Iterator

import pytest

from tests.admission.cases import shared
from tests.admission.control_plane import Cluster, eventually, missing, registered, started


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane on which the program's policies hold."""
    if lacking := missing():
        pytest.skip(f"tests of admission policies need on PATH {', '.join(lacking)}")
    for made in started(tmp_path_factory.mktemp("kwok")):
        hold(made)
        yield made


def hold(cluster: Cluster) -> None:
    """Create the policies and the namespaces of the cases, and wait until they hold."""
    policies, bindings = registered()
    for document in (*policies, *bindings):
        cluster.create(document)
    for name, annotations in shared("namespaces").items():
        cluster.namespace(name, annotations)
    cluster.settle()
    # the last policy that was created is the last that holds
    refused = {**shared("bases")["PersistentVolumeClaim"], "metadata": {"name": "late"}}
    refused["spec"] = {**refused["spec"], "volumeName": "pv"}
    eventually(lambda: cluster.apply(refused, "shop")[0] == 403)
