"""The first promotion to an environment that a tenant's file names makes the environment's values file."""

import pytest

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.errors import RefusedError
from tests.git.remotes import git

SHA = "4f2a9c1d"
TENANT = """\
owner: us
chart: web
registries: [example.azurecr.io/shop]
environments:
  dev:
  stage:
  live: {protected: true}
"""


def push(remote, files):
    folder = remote.clone(f"files-{len(remote.subjects())}")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "files")
    git(folder, "push", "--quiet", "origin", "HEAD:main")


def at(remote, name, revision="main"):
    return git(remote.folder, "show", f"{revision}:{name}")


def request(env, **more):
    return Request(app="shop", environment=env, value=SHA, **more)


@pytest.fixture
def tenant(remote):
    push(remote, {"tenants/shop.yaml": TENANT})
    return remote


def test_it_holds_the_image_and_nothing_else(tenant, clone):
    result = promote(clone, request("stage"))
    assert result.pushed
    assert at(tenant, "gitops/apps/shop/stage.yaml") == f'# What stage differs in.\nimage:\n  tag: "{SHA}"'
    assert "+image:" in result.diff
    again = promote(clone, request("stage"))
    assert not again.pushed, "it is there already"


def test_a_path_of_another_chart_is_made_too(tenant, clone):
    promote(clone, request("stage", path="server.image.tag"))
    assert at(tenant, "gitops/apps/shop/stage.yaml").splitlines()[1:] == [
        "server:",
        "  image:",
        f'    tag: "{SHA}"',
    ]
    with pytest.raises(RefusedError, match="allowed in a file that is not there yet: keys of mappings"):
        promote(clone, request("live", path="images[0].tag", pull_request=True))


def test_an_environment_that_the_tenant_has_not_is_refused(tenant, clone):
    tip = tenant.tip()
    with pytest.raises(RefusedError, match="shop has no environment 'nowhere'"):
        promote(clone, request("nowhere"))
    assert tenant.tip() == tip


def test_without_a_tenants_file_there_is_no_first_file(remote, clone):
    with pytest.raises(RefusedError, match="shop has no environment 'stage'"):
        promote(clone, request("stage"))


def test_a_tenant_protects_an_environment_of_its_own(tenant, clone):
    tip = tenant.tip()
    with pytest.raises(RefusedError, match=r"live is protected \(tenants/shop\.yaml\): .*--pull-request"):
        promote(clone, request("live"))
    assert tenant.tip() == tip
    promote(clone, request("live", pull_request=True))
    assert f'tag: "{SHA}"' in at(tenant, "gitops/apps/shop/live.yaml", "promote/shop-live")


def test_where_the_cluster_asks_for_digests_a_tag_alone_is_refused(remote, clone):
    push(remote, {"tenants/shop.yaml": TENANT.replace("  stage:\n", "  stage: {digests: true}\n")})
    tip, digest = remote.tip(), "sha256:" + "a" * 64
    with pytest.raises(
        RefusedError, match=rf"{SHA} names no digest, and stage runs no image .*tenants/shop\.yaml.*--digest"
    ):
        promote(clone, request("stage"))
    with pytest.raises(RefusedError, match="names no digest"):
        promote(clone, request("stage", digest="sha512:" + "a" * 128))
    assert remote.tip() == tip
    promote(clone, request("stage", digest=digest))
    assert f'tag: "{SHA}@{digest}"' in at(remote, "gitops/apps/shop/stage.yaml")


def test_a_tenants_file_that_cannot_be_read_lets_nothing_pass(remote, clone):
    push(remote, {"tenants/shop.yaml": TENANT + "protectd: true\n"})
    with pytest.raises(RefusedError, match=r"what shop may have cannot be read: .*shop.yaml: protectd is unknown"):
        promote(clone, request("dev"))


def test_what_never_ran_in_an_environment_without_a_file_does_not_go_further(tenant, clone):
    push(tenant, {"gitops/overlay.yaml": "follows:\n  live: stage\n"})
    with pytest.raises(RefusedError, match=f"{SHA} never ran in stage, which live follows"):
        promote(clone, request("live", pull_request=True))
    promote(clone, request("stage"))
    assert promote(clone, request("live", pull_request=True)).pushed
