"""The working tree that stands for a repository on a local cluster, committed by a real Git."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.addons.working_tree import config_map, read_tree, repo_server_values
from conventions import WORKING_TREE_URL
from tests.component.conftest import Program

URL = "https://github.com/example/aks-bootstrap.git"


def committed(files: dict[str, str], folder: Path) -> str:
    """Run the init container's script on the ConfigMap's files; returns the commit."""
    values = repo_server_values(files)
    _, data = config_map(files)
    (container,) = values["initContainers"]
    (source,) = [volume["configMap"] for volume in values["volumes"] if "configMap" in volume]
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    for item in source["items"]:
        path = folder / "files" / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data[item["key"]], encoding="utf-8")

    def here(text: str) -> str:
        return text.replace(places["working-tree-files"], f"{folder}/files").replace(
            places["working-tree"] + "/", f"{folder}/repositories/"
        )

    environment = {entry["name"]: here(entry["value"]) for entry in container["env"]}
    environment |= {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    script = here(container["command"][-1])
    subprocess.run(["sh", "-c", script], env=environment, check=True, capture_output=True)
    repository = environment["REPOSITORY"]
    shown = subprocess.run(
        ["git", "-C", repository, "rev-parse", "main"], env=environment, check=True, capture_output=True, text=True
    )
    for path, text in files.items():
        assert (Path(repository) / path).read_text(encoding="utf-8") == text
    return shown.stdout.strip()


def test_every_replica_makes_the_same_commit_of_every_file(tmp_path: Path) -> None:
    files = read_tree(URL)
    assert {"gitops/apps/hello/local.yaml", "tenants/hello.yaml"} <= set(files) and len(files) > 20
    assert committed(files, tmp_path / "one") == committed(files, tmp_path / "two")
    changed = {**files, "gitops/apps/hello/local.yaml": "replicas: 2\n"}
    assert committed(changed, tmp_path / "three") != committed(files, tmp_path / "four")
    assert config_map(changed)[0] != config_map(files)[0]


def test_a_config_map_takes_the_keys_and_no_two_files_share_one() -> None:
    files = {"gitops/a b/c.yaml": "1", "gitops/a_20_b/c.yaml": "2", "gitops/a/b/c.yaml": "3", "gitops/a__b/c.yaml": "4"}
    _, data = config_map(files)
    assert list(data.values()) == ["1", "2", "3", "4"]
    assert all(re.fullmatch("[A-Za-z0-9._-]+", key) for key in data)


def test_what_cannot_be_served_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gitops").mkdir()
    (tmp_path / "gitops" / "picture.png").write_bytes(b"\x89PNG")
    with pytest.raises(pulumi.RunError, match=r"gitops/picture.png is not UTF-8 text"):
        read_tree(URL, tmp_path)
    (tmp_path / "gitops" / "picture.png").write_text("x" * 1_000_001)
    with pytest.raises(pulumi.RunError, match="1,000,001 bytes"):
        read_tree(URL, tmp_path)
    (tmp_path / "gitops" / "picture.png").unlink()
    (tmp_path / "gitops" / ".argocd-source.yaml").write_text("hidden")
    assert read_tree(URL, tmp_path) == {}


def test_a_link_out_of_the_tree_is_refused_and_one_within_it_is_a_copy(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("not for the cluster")
    folder = tmp_path / "gitops" / "apps"
    folder.mkdir(parents=True)
    (folder / "one.yaml").write_text("a: 1\n")
    (folder / "two.yaml").symlink_to("one.yaml")
    assert read_tree(URL, tmp_path)["gitops/apps/two.yaml"] == "a: 1\n"
    (folder / "three.yaml").symlink_to(tmp_path / "key")
    with pytest.raises(pulumi.RunError, match=r"gitops/apps/three.yaml is a link out of gitops/"):
        read_tree(URL, tmp_path)


def test_a_gitops_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "key").write_text("not for the cluster")
    (tmp_path / "gitops").symlink_to("elsewhere")
    with pytest.raises(pulumi.RunError, match="is a link out of gitops/"):
        read_tree(URL, tmp_path)


def test_only_the_whole_url_of_the_repository_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "gitops").mkdir()
    longer = ("https://git.acme.org/apps-charts", "https://git.acme.org/apps.git", "https://git.acme.org/apps/sub")
    (tmp_path / "gitops" / "one.yaml").write_text("\n".join(["- https://git.acme.org/apps", *longer]))
    found = read_tree("https://git.acme.org/apps", tmp_path)["gitops/one.yaml"]
    assert found.splitlines() == [f"- {WORKING_TREE_URL}", *longer]


def test_everything_that_argo_cd_reads_is_the_working_tree(local: Program) -> None:
    tree = local.one("core/v1:ConfigMap")
    assert not [text for text in tree.inputs["data"].values() if URL in text]
    root: dict[str, Any] = local.one("v1alpha1:Application").inputs["spec"]
    assert root["source"]["repoURL"] == WORKING_TREE_URL
    assert local.one("v1alpha1:AppProject").inputs["spec"]["sourceRepos"] == [WORKING_TREE_URL]
    volumes = local.release("argo-cd").inputs["values"]["repoServer"]["volumes"]
    assert [v["configMap"]["name"] for v in volumes if "configMap" in v] == [tree.inputs["metadata"]["name"]]


def test_a_repository_needs_no_config_map(program: Callable[..., Program]) -> None:
    p = program("local", gitops={"source": "git"})
    assert p.several("core/v1:ConfigMap") == []
    assert p.one("v1alpha1:Application").inputs["spec"]["source"]["repoURL"] == URL
