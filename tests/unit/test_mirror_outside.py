"""``bootstrap images check`` finds what a stack with a mirror would take from elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bootstrap.platform.images import outside as checked
from bootstrap.platform.images.helm import Source
from components.release.kubernetes_types import RELEASE

MIRROR = "mirror.example.com/addons"


def release(chart: str, image: str, repository: str | None = None) -> Any:
    inputs = {"name": "addon", "chart": chart, "image": image}
    if repository:
        inputs["repositoryOpts"] = {"repo": repository}  # type: ignore[assignment]
    return SimpleNamespace(type=RELEASE, name="addon", inputs=inputs)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    def render(source: Source, _: str) -> Iterator[dict[str, Any]]:
        container = {"name": "c", "image": source.inputs["image"]}
        yield {"kind": "Job", "metadata": {"name": "hook"}, "spec": {"containers": [container]}}

    monkeypatch.setattr(Source, "objects", render)
    monkeypatch.setattr(checked, "kube_version", lambda *_: "1.35.0")

    def look(*registrations: Any) -> list[str]:
        monkeypatch.setattr(checked, "evaluate", lambda *_: SimpleNamespace(registrations=registrations))
        return checked.outside(Path(), "dev", MIRROR)

    return look


def test_a_stack_that_takes_everything_from_its_mirror_has_nothing_outside(found: Any) -> None:
    assert found(release(f"oci://{MIRROR}/charts/addon", f"{MIRROR}/quay.io/a/b:v1")) == []


def test_charts_images_and_manifests_of_others_are_named_with_their_place(found: Any) -> None:
    manifest = SimpleNamespace(
        type="kubernetes:yaml/v2:ConfigFile", name="gateway-api", inputs={"file": "https://github.com/x.yaml"}
    )
    file = SimpleNamespace(type="kubernetes:yaml/v2:ConfigFile", name="own", inputs={"file": "manifests/x.yaml"})
    told = found(
        release(f"oci://{MIRROR}-of-others/charts/addon", "quay.io/a/b:v1"),
        release("addon", f"{MIRROR}-of-others/a:v1", "https://charts.example.com"),
        manifest,
        file,
    )
    assert told == [
        f"addon: the chart oci://{MIRROR}-of-others/charts/addon",
        "addon: Job hook: quay.io/a/b:v1 (charts.*.values)",
        "addon: the chart https://charts.example.com addon",
        f"addon: Job hook: {MIRROR}-of-others/a:v1 (charts.*.values)",
        "gateway-api: https://github.com/x.yaml (ingress.gatewayApiManifest)",
    ]
