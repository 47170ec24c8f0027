"""What Helm makes of every addon where the stack has a mirror: nothing of it comes from anywhere else.

Needs Helm, and a folder with the charts' archives in AKS_BOOTSTRAP_CHARTS.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bootstrap.platform.images.helm import Source
from bootstrap.platform.images.listing import list_images
from bootstrap.platform.images.references import normal, references
from bootstrap.platform.plan.evaluate import evaluate
from components.addons.charts import PINNED
from components.release.lock import Lock, LockedChart, read_lock
from components.release.supply import LOCK
from tests.component.conftest import ROOT, STACKS, Program, configured

CHARTS = os.environ.get("AKS_BOOTSTRAP_CHARTS", "")
pytestmark = pytest.mark.skipif(
    not (CHARTS and shutil.which("helm")),
    reason="needs helm on PATH and the charts' archives in AKS_BOOTSTRAP_CHARTS",
)

MIRROR = "mirror.example.com:5000/deep/path"
DIGEST = "sha256:" + "ab" * 32
REGISTRY = re.compile(r"(?<![\w./-])((?:[a-z0-9-]+\.)+[a-z]{2,}(?::\d+)?)/[a-z0-9._/-]+(?:[:@][\w.:@-]+)")
"""What begins like a registry and ends with a tag or digest: not the program's own search, but a wider one."""


@cache
def rendered(inputs: str) -> tuple[dict[str, Any], ...]:
    return tuple(Source(inputs=json.loads(inputs), charts=Path(CHARTS)).objects("1.35.0"))


def objects(p: Program) -> Iterator[tuple[str, dict[str, Any]]]:
    for release in p.releases:
        for item in rendered(json.dumps(release.inputs, sort_keys=True)):
            yield release.inputs["name"], item


def upstream(p: Program) -> Iterator[tuple[str, str]]:
    """Yield the name of each release, and each of its images as its publisher names it."""
    for name, item in objects(p):
        for reference in references(item):
            yield name, normal(reference)


def locked(p: Program) -> Lock:
    """Return a lock of all that a program installs; the digests are this test's."""
    keys = {chart.name: chart.key for chart in PINNED}
    found: dict[str, dict[str, str | None]] = {}
    for name, image in upstream(p):
        found.setdefault(keys[name], {})[image] = DIGEST
    return Lock(charts={key: LockedChart(manifest=DIGEST, archive=DIGEST, images=i) for key, i in found.items()})


KEPT: dict[str, Program] = {}


def with_lock(stack: str, lock: Lock, **changes: Any) -> Program:
    key = json.dumps([stack, lock.to_plain(), changes], sort_keys=True)
    if key not in KEPT:
        token = LOCK.set(lock)
        try:
            KEPT[key] = Program(evaluate(ROOT, stack, configured(stack, changes)))
        finally:
            LOCK.reset(token)
    return KEPT[key]


WIDEST = ("local", "dev, reporting", "prod, updating images")
"""Stacks that between them make the charts render every image: each takes Helm some twenty runs."""


@pytest.fixture(scope="module", params=WIDEST)
def stack(request: pytest.FixtureRequest, program: Callable[..., Program]) -> tuple[str, dict[str, Any], Program]:
    name, changes = STACKS[request.param]
    return name, changes, program(name, **changes)


@pytest.mark.parametrize("by", ["digest", "tag"])
def test_nothing_outside_the_mirror_is_left_in_what_helm_renders(
    stack: tuple[str, dict[str, Any], Program], by: str
) -> None:
    name, changes, plain = stack
    lock = locked(plain) if by == "digest" else Lock()
    mirrored = with_lock(name, lock, **changes, images={"mirror": MIRROR})
    assert len(mirrored.releases) == len(plain.releases)
    for release in mirrored.releases:
        reference = f"oci://{MIRROR}/charts/{release.inputs['name']}"
        assert release.inputs["chart"] == (f"{reference}@{DIGEST}" if by == "digest" else reference)
        assert "repositoryOpts" not in release.inputs
    images = set()
    for where, item in objects(mirrored):
        if item["kind"] == "CustomResourceDefinition":
            continue
        images |= set(references(item))
        text = json.dumps(item)
        others = [found for found in REGISTRY.findall(text) if found != MIRROR.partition("/")[0]]
        assert others == [], f"{where} {item['kind']} {item['metadata']['name']}"
        if by == "digest":
            assert re.findall(rf"{re.escape(MIRROR)}/[^\s\"'@]+(?!@sha256)[\"' ]", text) == [], where
    expected = {image for _, image in upstream(plain)}
    suffix = f"@{DIGEST}" if by == "digest" else ""
    assert images == {f"{MIRROR}/{image}{suffix}" for image in expected}
    assert len(expected) >= 8


def test_a_locked_stack_without_a_mirror_takes_the_same_images_by_digest(
    stack: tuple[str, dict[str, Any], Program],
) -> None:
    name, changes, plain = stack
    pinned = with_lock(name, locked(plain), **changes)
    images = {reference for _, item in objects(pinned) for reference in references(item)}
    assert {normal(image) for image in images} == {f"{image}@{DIGEST}" for _, image in upstream(plain)}
    assert all(image.endswith(f"@{DIGEST}") for image in images)
    for release in pinned.releases:
        chart = release.inputs["chart"]
        assert chart.endswith(f"@{DIGEST}") == chart.startswith("oci://")


def test_labels_and_names_stay_ones_that_an_api_server_takes(stack: tuple[str, dict[str, Any], Program]) -> None:
    """A digest in a tag reaches labels in some charts; https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/."""
    name, changes, plain = stack
    for where, item in objects(with_lock(name, locked(plain), **changes, images={"mirror": MIRROR})):
        for labels in labels_of(item) if item["kind"] != "CustomResourceDefinition" else ():
            for key, value in labels.items():
                assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", str(value)), f"{where} {key}"


def labels_of(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("labels", "matchLabels") and isinstance(item, dict):
                yield item
            yield from labels_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from labels_of(item)


def test_the_stacks_here_render_every_image_that_a_chart_is_said_to_have(program: Callable[..., Program]) -> None:
    found = set()
    for name in WIDEST:
        stack, changes = STACKS[name]
        found |= {image.rpartition(":")[0] for _, image in upstream(program(stack, **changes))}
    assert found == {image.repository for chart in PINNED for image in chart.images}


def test_the_lock_file_has_what_the_stacks_of_this_project_install() -> None:
    """Where a version has been raised, its entry is missing until `bootstrap images lock` has run."""
    there = read_lock(ROOT).charts
    for chart in list_images(ROOT, ["dev", "prod", "local"], Path(CHARTS)):
        if chart.key in there:
            assert set(there[chart.key].images) == set(chart.images), chart.key
