"""Promotions, rollbacks and history of an application whose images are said by Kustomize's own file."""

import shutil
from pathlib import Path

import pytest

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.delivery.promote.rollback import history, rollback
from bootstrap.errors import RefusedError
from tests.git.remotes import Remote, git

ROOT = Path(__file__).resolve().parents[2]
SHAS = ["4f2a9c1d", "5a3b8d2e", "6c4c7e3f"]
DIGEST = f"sha256:{'ab' * 32}"
OVERLAY = "gitops/apps/shop/overlays/{}/kustomization.yaml"
KUSTOMIZATION = """\
# what dev differs in
resources:
  - ../../base
images:
  - name: example.com/shop # as in base/
    newName: example.azurecr.io/shop
    newTag: "0000000000000000000000000000000000000000" # nothing yet
"""
FILES = {
    "tenants/shop.yaml": (
        "owner: us\nmanifests: kustomize\nregistries: [example.azurecr.io/shop]\nenvironments: {dev: {}, prod: {}}\n"
    ),
    "gitops/apps/shop/base/kustomization.yaml": "resources: [deployment.yaml]\n",
    "gitops/apps/shop/base/deployment.yaml": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "example.com/shop:none"}]}
""",
    OVERLAY.format("dev"): KUSTOMIZATION,
    OVERLAY.format("prod"): KUSTOMIZATION,
    "gitops/overlay.yaml": "follows: {prod: dev}\n",
    "tenants/plain.yaml": "owner: us\nmanifests: plain\nregistries: [example.com]\nenvironments: {dev: {}}\n",
    "gitops/apps/plain/manifests/dev/a.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n",
}


@pytest.fixture
def remote(tmp_path):
    work = tmp_path / "seed"
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    for file in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, work)
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", "remote.git")
    git(work, "init", "--quiet", "-b", "main")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "start")
    git(work, "remote", "add", "origin", "../remote.git")
    git(work, "push", "--quiet", "origin", "main")
    return Remote(tmp_path / "remote.git")


@pytest.fixture
def clone(remote):
    return remote.clone("clone")


def shop(value=SHAS[0], environment="dev", **more):
    return Request(app="shop", environment=environment, value=value, **more)


def edit(remote, name, before, after):
    folder = remote.clone(f"edit-{len(remote.subjects())}")
    text = (folder / name).read_text()
    assert before in text
    (folder / name).write_text(text.replace(before, after))
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "edit")
    git(folder, "push", "--quiet", "origin", "HEAD:main")


def text_in(remote, environment="dev"):
    folder = remote.clone(f"look-{len(list(remote.folder.parent.glob('look-*')))}")
    return (folder / OVERLAY.format(environment)).read_text()


needs_kustomize = pytest.mark.skipif(shutil.which("kustomize") is None, reason="needs kustomize")


def test_the_tag_of_the_overlays_image_is_changed_and_nothing_else(remote, clone):
    result = promote(clone, shop(render=False))
    assert (result.edit.path, str(result.edit.file)) == ("images[0].newTag", OVERLAY.format("dev"))
    assert text_in(remote) == KUSTOMIZATION.replace("0" * 40, SHAS[0])
    assert text_in(remote, "prod") == KUSTOMIZATION
    assert promote(clone, shop(render=False)).edit.nothing


@needs_kustomize
def test_what_kustomize_takes_is_pushed_and_what_it_refuses_is_not(remote, clone):
    assert promote(clone, shop()).unrendered is None
    edit(remote, "gitops/apps/shop/base/kustomization.yaml", "deployment.yaml", "nowhere.yaml")
    with pytest.raises(RefusedError, match="Kustomize refuses what Argo CD would deploy: shop in dev: accumulating"):
        promote(clone, shop(SHAS[1]))
    assert SHAS[1] not in text_in(remote)


def test_a_digest_is_written_where_there_is_one(remote, clone):
    edit(remote, OVERLAY.format("dev"), f'newTag: "{"0" * 40}" # nothing yet', f"digest: sha256:{'0' * 64}")
    assert promote(clone, shop(DIGEST, render=False)).edit.path == "images[0].digest"
    assert f"    digest: {DIGEST}\n" in text_in(remote)
    with pytest.raises(RefusedError, match=r"images\[0\]\.newTag is not in the file"):
        promote(clone, shop(render=False))


def test_a_tag_with_its_digest_is_written_as_the_tag(remote, clone):
    assert promote(clone, shop(digest=DIGEST, render=False)).edit.after == f"{SHAS[0]}@{DIGEST}"
    assert f'newTag: "{SHAS[0]}@{DIGEST}"' in text_in(remote)


def test_an_image_is_copied_from_another_environment_once_it_ran_there(remote, clone):
    with pytest.raises(RefusedError, match="never ran in dev, which prod follows"):
        promote(clone, shop(environment="prod", render=False, pull_request=True))
    promote(clone, shop(render=False))
    asked = Request(app="shop", environment="prod", source="dev", render=False)
    assert promote(clone, asked).edit.after == SHAS[0]
    assert SHAS[0] in text_in(remote, "prod")


def test_what_ran_is_told_and_gone_back_to(remote, clone):
    for sha in SHAS:
        promote(clone, shop(sha, render=False))
    found = history(clone, "shop", "dev", remote="origin", branch="main", most=20)
    assert [version.image for version in found] == SHAS[::-1]
    [now] = history(clone, None, None, remote="origin", branch="main", most=20)
    assert (now.app, now.environment, now.image, now.path) == ("shop", "dev", SHAS[2], "images[0].newTag")
    result = rollback(clone, Request(app="shop", environment="dev", render=False))
    assert (result.edit.before, result.edit.after) == (SHAS[2], SHAS[1])
    assert SHAS[1] in text_in(remote)


def test_an_overlay_without_an_image_or_with_several_is_refused_with_what_to_do(remote, clone):
    edit(remote, OVERLAY.format("dev"), "images:\n", "images:\n  - { name: example.com/proxy, newTag: one }\n")
    for look in (
        lambda: promote(clone, shop(render=False)),
        lambda: history(clone, "shop", "dev", remote="origin", branch="main", most=1),
        lambda: rollback(clone, Request(app="shop", environment="dev")),
    ):
        with pytest.raises(RefusedError, match=r"has 2 images: say which, such as --path images\[0\]\.newTag"):
            look()
    assert promote(clone, shop(render=False, path="images[1].newTag")).edit.after == SHAS[0]
    edit(remote, OVERLAY.format("prod"), "images:\n", "unused:\n")
    with pytest.raises(RefusedError, match="names no image: add it once by hand, such as `images: "):
        promote(clone, shop(environment="prod", render=False))


def test_plain_manifests_are_refused_with_what_to_do(clone):
    remedy = (
        "plain has plain manifests, and no file that says the image of dev: commit it to gitops/apps/plain/manifests"
    )
    for act in (promote, rollback):
        with pytest.raises(RefusedError, match=remedy):
            act(clone, Request(app="plain", environment="dev", value=SHAS[0], render=False))
