"""Where the files of applications are, in a working tree and in a Git tree."""

from pathlib import PurePosixPath

import pytest

from bootstrap.delivery import gitops


def test_an_application_has_a_base_and_files_that_are_laid_over_it(tmp_path):
    for name in ("values.yaml", "dev.yaml", "eu-prod.yaml", "Chart.yaml", "values.schema.json", ".hidden.yaml"):
        path = tmp_path / "gitops" / "apps" / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "gitops" / "apps" / "README.md").touch()
    (tmp_path / "gitops" / "apps" / ".git").mkdir()
    assert gitops.applications(tmp_path) == ["shop"]
    assert gitops.layers_of(tmp_path, "shop") == ["dev", "eu-prod"]
    assert gitops.values_files(tmp_path, "shop", "dev") == [
        tmp_path / "gitops/apps/shop/values.yaml",
        tmp_path / "gitops/apps/shop/dev.yaml",
    ]


def test_what_is_not_there_is_nothing(tmp_path):
    assert gitops.applications(tmp_path) == []
    assert gitops.layers_of(tmp_path, "shop") == []


def test_paths_in_a_git_tree_are_paths_too():
    root = PurePosixPath("platform")
    assert gitops.app_folder(root, "shop") == PurePosixPath("platform/gitops/apps/shop")


@pytest.mark.parametrize("name", ["values.yaml", "Chart.yaml", "dev.yml", "dev", ".yaml", "-dev.yaml", "a/b.yaml"])
def test_other_files_are_no_layers(name):
    assert gitops.layer_of(name) is None
