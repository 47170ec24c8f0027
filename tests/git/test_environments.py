"""What ``gitops/overlay.yaml`` asks of a promotion: pull requests, and images that ran in the environment before."""

import pytest

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.errors import RefusedError
from tests.git.remotes import change, git

SHA, OTHER = "4f2a9c1d", "5a5a5a5a"
DIGEST = f"sha256:{'ab' * 32}"
RULES = "follows:\n  prod: dev\nprotected:\n  - prod\n"


def request(value=SHA, env="prod", **more):
    return Request(app="shop", environment=env, value=value, **{"pull_request": env == "prod"} | more)


def set_rules(remote, text):
    folder = remote.clone(f"rules-{len(remote.subjects())}")
    (folder / "gitops" / "overlay.yaml").write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "rules")
    git(folder, "push", "--quiet", "origin", "HEAD:main")


@pytest.fixture
def ruled(remote):
    set_rules(remote, RULES)
    return remote


def test_a_protected_environment_takes_pull_requests_only(ruled, clone):
    promote(clone, request(env="dev"))
    tip = ruled.tip()
    with pytest.raises(RefusedError, match=r"prod is protected \(gitops/overlay\.yaml\): .*--pull-request"):
        promote(clone, request(pull_request=False))
    with pytest.raises(RefusedError, match="protected"):
        promote(clone, request(pull_request=False, dry_run=True))
    assert promote(clone, request()).branch == "promote/shop-prod"
    assert ruled.tip() == tip


def test_an_image_goes_where_it_ran_before(ruled, clone):
    with pytest.raises(RefusedError, match=f"{SHA} never ran in dev, which prod follows"):
        promote(clone, request())
    assert not ruled.tip("promote/shop-prod")
    promote(clone, request(env="dev"))
    assert promote(clone, request()).pushed
    promote(clone, request(OTHER, env="dev"))
    assert promote(clone, request()).branch, "it ran in dev, though it is not there any more"


def test_a_clone_of_depth_one_knows_what_ran_before(ruled, clone):
    promote(clone, request(env="dev"))
    promote(clone, request(OTHER, env="dev"))
    shallow = ruled.folder.parent / "shallow"
    git(ruled.folder.parent, "clone", "--quiet", "--depth=1", f"file://{ruled.folder}", "shallow")
    assert promote(shallow, request()).pushed


@pytest.mark.parametrize(
    "mention", [f"# not {SHA}\n", f"other: {SHA}\n", f"image2: {{tag: {SHA}}}\n"], ids=["comment", "value", "path"]
)
def test_what_only_names_an_image_did_not_run_it(ruled, clone, mention):
    change(ruled, "shop", "dev", lambda text: text + mention)
    with pytest.raises(RefusedError, match="never ran"):
        promote(clone, request())
    change(ruled, "shop", "dev", lambda text: text.replace(mention, ""))
    with pytest.raises(RefusedError, match="never ran"):
        promote(clone, request())


def test_a_tag_that_ran_by_its_digest_only_did_not_run(ruled, clone):
    change(ruled, "shop", "dev", lambda text: text.replace("  tag: 0000000a", f"  digest: {DIGEST} # {SHA}\n  tag: ''"))
    change(ruled, "shop", "prod", lambda text: text.replace("  tag: 0000000a", "  digest: ''\n  tag: ''"))
    with pytest.raises(RefusedError, match="never ran"):
        promote(clone, request())
    assert promote(clone, request(DIGEST)).edit.path == "image.digest"


def test_the_rules_are_those_at_the_branchs_tip(remote, clone):
    set_rules(remote, RULES)
    assert not (clone / "gitops" / "overlay.yaml").exists(), "the clone is older"
    with pytest.raises(RefusedError, match="protected"):
        promote(clone, request(pull_request=False))
    set_rules(remote, "protected: []\n")
    assert promote(clone, request(pull_request=False)).pushed


def test_without_rules_every_environment_is_open(remote, clone):
    assert promote(clone, request(pull_request=False)).pushed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("protected: prod\n", r"overlay\.yaml: protected: Input should be a valid list"),
        ("protekted: [prod]\n", r"overlay\.yaml: protekted: Extra inputs"),
        ("{\n", r"overlay\.yaml is not YAML"),
    ],
)
def test_rules_that_cannot_be_read_let_nothing_pass(remote, clone, text, says):
    set_rules(remote, text)
    with pytest.raises(RefusedError, match=says):
        promote(clone, request())


def test_an_application_that_is_not_in_the_environment_before_waits_for_nothing(remote, clone):
    set_rules(remote, "follows:\n  prod: stage\n")
    assert promote(clone, request()).pushed
