"""A copy of ``gitops/`` and ``tenants/`` to break, with the real Helm."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from bootstrap.delivery import clusters
from bootstrap.delivery.render import render as rendering
from bootstrap.delivery.render.application import read_application

ROOT = Path(__file__).resolve().parents[2]

# `make test`: the same examples on every run; `make fuzz`: others each time
hypothesis.settings.register_profile("fuzz", max_examples=5000, deadline=None)

SHA = "4f2a9c17be0d5386a1c7e94f80b2d6351a9ce07d"


def pytest_collection_modifyitems(items):
    if shutil.which("helm") is None:
        skip = pytest.mark.skip(reason="tests of gitops/ need Helm on PATH")
        for item in items:
            if "gitops" in item.path.parts:
                item.add_marker(skip)


@dataclass(frozen=True)
class Project:
    """The files that the commands around ``gitops/`` and ``tenants/`` read."""

    root: Path

    def read(self, path):
        return (self.root / path).read_text()

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def edit(self, path, before, after):
        text = self.read(path)
        assert before in text, f"{before!r} is not in {path}"
        self.write(path, text.replace(before, after, 1))

    def ship_own_image(self):
        """Let hello run an image of the team's own, as after the first promotion."""
        for environment in ("dev", "prod"):
            path = f"gitops/apps/hello/{environment}.yaml"
            self.write(
                path, re.sub(r"image:\n  repository: .*\n  digest: .*\n", f"image:\n  tag: {SHA}\n", self.read(path))
            )
        self.edit(
            "gitops/apps/hello/values.yaml",
            "port: 9898\n",
            "image:\n  repository: example.azurecr.io/hello\n\nport: 9898\n",
        )
        self.edit(
            "gitops/overlay.yaml",
            "    perEnvironment:\n      - image.repository # beside the digest, where Renovate finds both\n",
            "      - image.repository\n",
        )
        # a local cluster still has the public one
        registry = "  - ghcr.io/stefanprodan\n"
        self.edit("tenants/hello.yaml", registry, f"{registry}  - example.azurecr.io/hello\n")
        self.edit("tenants/hello.yaml", "    digests: true # images run by digest only\n", "")

    def git(self, *arguments):
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *arguments], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, message="change"):
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD")

    def forget(self):
        """Let stack files be read again: a command reads them once."""
        clusters.stack_values.cache_clear()

    def render(self, app, environment):
        self.forget()
        return rendering.render(self.root, app, environment).objects

    def texts(self):
        """Return what every environment renders, to the byte."""
        return {
            env: rendering.template(self.root, read_application(self.root, "hello", env)).render()
            for env in ("dev", "prod", "local")
        }


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    root = tmp_path_factory.mktemp("example") / "project"
    for folder in ("gitops", "tenants"):
        shutil.copytree(ROOT / folder, root / folder)
    for file in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, root)
    made = Project(root.resolve())
    made.ship_own_image()
    made.git("init", "-q", "-b", "main")
    made.commit("the example")
    return made


@pytest.fixture
def project(example, tmp_path):
    shutil.copytree(example.root, tmp_path / "project")
    return Project((tmp_path / "project").resolve())


def one(objects, kind):
    """Return the only object of a kind."""
    found = [item.document for item in objects if item.kind == kind]
    assert len(found) == 1, f"{kind}: {[item.label for item in objects]}"
    return found[0]
