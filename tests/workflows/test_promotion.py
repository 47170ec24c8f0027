"""An application's pipeline: an image is built, is in dev by a commit, and asked for in prod by a pull request."""

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.git.remotes import Remote, git, revert
from tests.loopback_git import GitHost, git_host
from tests.loopback_github import REPOSITORY
from tests.workflows.world import Ran, World

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on PATH")

TOKEN = "ghs_of-this-run"
ONE, OTHER = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
PIPELINE = """\
on: push
jobs:
  promote:
    uses: ./.github/workflows/promote.yml
    with:
      app: shop
      image: example.azurecr.io/shop
      gitops-repository: example/aks-bootstrap
      gitops-app-client-id: Iv23
    secrets:
      gitops-app-key: ${{ secrets.KEY }}
      azure-client-id: ${{ secrets.CLIENT }}
      azure-tenant-id: tenant
      azure-subscription-id: subscription
"""
BASE = "image: {repository: example.azurecr.io/shop}\nport: 8080\nresources: {requests: {cpu: 50m, memory: 32Mi}}\n"
ENVIRONMENT = "image:\n  tag: 0000000a@sha256:" + "0" * 64 + "\ningress: {host: shop.example.com}\n"
TENANT = {
    "owner": "team@example.com",
    "chart": "web",
    "registries": ["example.azurecr.io"],
    "environments": {
        "dev": {"hosts": ["shop.example.com"]},
        "prod": {"hosts": ["shop.example.com"], "protected": True},
    },
}


@pytest.fixture
def pipeline(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator["Pipeline"]:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.com")
    hosted = world.folder / "host" / REPOSITORY.split("/")[0]
    hosted.mkdir(parents=True)
    (hosted / "aks-bootstrap.git").symlink_to(world.folder / "origin.git")
    with git_host(world.folder / "host") as host:
        host.tokens.add(TOKEN)
        yield Pipeline(world, host)


class Pipeline:
    """The pipeline of an application, and the host of the repository that it promotes into."""

    def __init__(self, world: World, host: GitHost) -> None:
        self.world, self.host = world, host
        self.gitops = Remote(world.folder / "origin.git")
        world.secrets = {"KEY": "-----BEGIN", "CLIENT": "client-of-the-pipeline"}
        (world.folder / "app-token").write_text(TOKEN)
        files = {"values": BASE, "dev": ENVIRONMENT, "prod": ENVIRONMENT}
        for name, text in files.items():
            world.change(f"gitops/apps/shop/{name}.yaml", text, "shop")
        world.change("tenants/shop.yaml", json.dumps(TENANT), "shop")
        world.change(".github/workflows/pipeline.yml", PIPELINE, "shop")
        world.merge("shop")

    def run(self, digest: str, number: int, *, again: bool = False) -> Ran:
        """Build a commit of the application, and promote it."""
        if not again:
            self.world.change("src.txt", f"{number}\n", f"src-{number}")
        (self.world.folder / "digest").write_text(digest)
        return self.world.run(
            "pipeline",
            "push",
            {"ref": "refs/heads/main"},
            GITHUB_SERVER_URL=self.host.url,
            GITHUB_RUN_ID=str(number),
            GH_HOST="127.0.0.1",
        )

    def image(self, environment: str, branch: str = "main") -> str:
        return self.gitops.text("shop", environment, branch).split("tag: ")[1].split()[0]


def test_a_promotion_lands_in_dev_and_is_asked_for_in_prod(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = pipeline.run(ONE, 1)
    assert ran.status == 0, ran.output[-4000:]
    commit = pipeline.world.git("rev-parse", "HEAD")
    image = f"{commit}@{ONE}"
    assert pipeline.image("dev") == pipeline.image("prod", "promote/shop-prod") == image
    assert pipeline.image("prod") == "0000000a@sha256:" + "0" * 64, "people merge what goes there"
    assert pipeline.world.called("push") == [f"push example.azurecr.io/shop:{commit}"]
    run = f"{pipeline.host.url}/{REPOSITORY}/actions/runs/1"
    assert f"Source-Run: {run}" in pipeline.gitops.message()
    asked = pipeline.world.called("gh pr create")
    assert len(asked) == 1 and "--head promote/shop-prod --base main" in asked[0]
    assert image in (pipeline.world.folder / "body.md").read_text()
    # the token is of this run and for one repository; it is used, and shown nowhere
    assert "actions/create-github-app-token" in ran.stand_ins
    assert "actions/create-github-app-token" in capsys.readouterr().out
    minted = f"token for {REPOSITORY}: contents write, pull requests write"
    assert pipeline.world.called("token") == [minted]
    assert pipeline.host.passwords == {TOKEN}
    assert TOKEN not in ran.output
    assert all(TOKEN not in file.read_text() for file in (pipeline.world.folder / "act").rglob(".git/config"))


def test_an_earlier_run_that_comes_later_is_overtaken_and_undoes_nothing(pipeline: Pipeline) -> None:
    assert pipeline.run(OTHER, 2).status == 0
    later = pipeline.image("dev")
    tip = pipeline.gitops.tip()
    ran = pipeline.run(ONE, 1)
    assert ran.status == 0, ran.output[-4000:]
    assert "overtaken" in ran.output
    assert (pipeline.image("dev"), pipeline.gitops.tip()) == (later, tip)
    assert pipeline.image("prod", "promote/shop-prod") == later


def test_what_is_refused_in_dev_is_not_asked_for_in_prod(pipeline: Pipeline) -> None:
    assert pipeline.run(ONE, 1).status == 0
    revert(pipeline.gitops, pipeline.gitops.tip())
    before = pipeline.image("dev")
    pipeline.world.forget()
    ran = pipeline.run(ONE, 2, again=True)
    assert ran.jobs == {"build": True, "promote": False}
    assert "revert" in ran.output
    assert pipeline.image("dev") == before
    assert "Into prod, by a pull request" not in ran.steps
    assert pipeline.world.called("gh") == []


def test_a_token_that_expires_before_the_push_leaves_everything_as_it_was(pipeline: Pipeline) -> None:
    tips = git(pipeline.gitops.folder, "for-each-ref")

    def before(method: str, path: str) -> None:
        if "git-receive-pack" in path:
            pipeline.host.tokens.clear()

    pipeline.host.before = before
    ran = pipeline.run(ONE, 1)
    assert ran.steps["Into dev, by a commit"] is False
    assert "refuses the credential: it has expired" in ran.output
    assert "Into prod, by a pull request" not in ran.steps
    assert (pipeline.world.called("gh"), TOKEN in ran.output) == ([], False)
    assert [
        line for line in git(pipeline.gitops.folder, "for-each-ref").splitlines() if "src-1" not in line
    ] == tips.splitlines()
