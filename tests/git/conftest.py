"""Real repositories, away from everybody's own configuration."""

import pytest

from tests.git.remotes import make_remote


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """No configuration of the machine's or the user's; an identity by environment."""
    for name, value in {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ann",
        "GIT_AUTHOR_EMAIL": "ann@example.com",
        "GIT_COMMITTER_NAME": "Ann",
        "GIT_COMMITTER_EMAIL": "ann@example.com",
        "HOME": str(tmp_path),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GH_HOST", "GH_REPO"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def remote(tmp_path):
    return make_remote(tmp_path, ["shop", "cart"])


@pytest.fixture
def clone(remote):
    return remote.clone("clone")
