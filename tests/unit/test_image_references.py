"""Which images an object names, and how references are spelled whole."""

from typing import Any

import pytest

from bootstrap.platform.images.references import normal, references

D = "sha256:" + "ab" * 32


def workload(kind: str, **pod: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": "x"}, "spec": {"template": {"spec": pod}}}


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"])
@pytest.mark.parametrize("key", ["containers", "initContainers", "ephemeralContainers"])
def test_containers_of_every_kind_are_found(kind: str, key: str) -> None:
    assert list(references(workload(kind, **{key: [{"name": "c", "image": "redis"}]}))) == ["redis"]


def test_what_programs_are_handed_is_found() -> None:
    container = {
        "name": "c",
        "image": "quay.io/a/b:1",
        "args": ["--acme-http01-solver-image=quay.io/a/solver:1", "--url=https://quay.io/a/c:1", "--v=2"],
        "command": ["run", "ghcr.io/a/d:2"],
        "env": [
            {"name": "RELATED_IMAGE", "value": f"ghcr.io/a/e@{D}"},
            {"name": "REDIS", "value": "argocd-redis.argocd.svc:6379"},
            {"name": "FIELD", "valueFrom": {}},
        ],
    }
    assert sorted(references(workload("Deployment", containers=[container]))) == [
        "ghcr.io/a/d:2",
        f"ghcr.io/a/e@{D}",
        "quay.io/a/b:1",
        "quay.io/a/solver:1",
    ]


def test_files_of_config_maps_are_read_where_a_key_is_called_after_an_image() -> None:
    data = {"config.yaml": "acme:\n  solverImage: quay.io/a/solver:1\nhost: quay.io/a/none:1\n", "image.tag": "v1"}
    assert list(references({"kind": "ConfigMap", "data": data})) == ["quay.io/a/solver:1"]


def test_a_crd_describes_images_and_has_none() -> None:
    schema = {"spec": {"x": [{"name": "c", "image": "quay.io/a/b:1"}]}}
    assert list(references({"kind": "CustomResourceDefinition", **schema})) == []


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("redis", "docker.io/library/redis:latest"),
        ("docker.io/traefik:v3", "docker.io/library/traefik:v3"),
        ("koalaman/shellcheck:v0.11.0", "docker.io/koalaman/shellcheck:v0.11.0"),
        (f"quay.io/a/b:v1@{D}", f"quay.io/a/b:v1@{D}"),
        (f"redis@{D}", f"docker.io/library/redis@{D}"),
        (f"quay.io/a/b@{D}", f"quay.io/a/b@{D}"),
        ("127.0.0.1:5000/a/b:v1", "127.0.0.1:5000/a/b:v1"),
        ("localhost/a", "localhost/a:latest"),
    ],
)
def test_a_reference_is_spelled_with_its_registry(given: str, whole: str) -> None:
    assert normal(given) == whole
