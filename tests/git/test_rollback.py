"""``bootstrap history`` and ``rollback`` on real repositories."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.delivery.promote.rollback import history, rollback
from bootstrap.delivery.promote.text import print_history
from bootstrap.errors import OvertakenError, RefusedError
from tests.git.remotes import change, git, meanwhile, revert

ROOT = Path(__file__).resolve().parents[2]
A, B, C = "aaaaaaa1", "bbbbbbb2", "ccccccc3"
START = "0000000a"


def ask(value=None, env="dev", **more):
    return Request(app="shop", environment=env, value=value, **more)


def ran(clone, env="dev", app="shop", most=20):
    return history(clone, app, env, remote="origin", branch="main", most=most)


def shown(clone, **more):
    return [(version.image, version.steps, version.taken_back) for version in ran(clone, **more)]


@pytest.fixture
def three(remote, clone):
    for value in (A, B, C):
        promote(clone, ask(value))
    return remote


def test_history_says_what_ran_since_when_and_from_which_commit(three, clone):
    promote(clone, ask("ddddddd4", source_repository="example/shop", source_run="7"))
    assert shown(clone) == [("ddddddd4", 0, False), (C, 1, False), (B, 2, False), (A, 3, False), (START, 4, False)]
    now = ran(clone)[0].to_json()
    assert now == now | {
        "app": "shop",
        "environment": "dev",
        "path": "image.tag",
        "commit": three.tip(),
        "subject": "deploy: shop dev ddddddd4 [skip ci]",
        "sourceRepository": "example/shop",
        "takenBack": False,
    }
    assert shown(clone, most=2) == [("ddddddd4", 0, False), (C, 1, False)]


def test_history_of_everything_says_what_runs(three, clone):
    found = history(clone, None, None, remote="origin", branch="main", most=20)
    assert [(version.app, version.environment, version.image) for version in found] == [
        ("cart", "dev", START),
        ("cart", "prod", START),
        ("shop", "dev", C),
        ("shop", "prod", START),
    ]


def test_changes_of_anything_else_are_no_versions(three, clone):
    change(three, "shop", "dev", lambda text: text.replace("replicas: 1", "replicas: 3"))
    assert [image for image, _, _ in shown(clone)] == [C, B, A, START]


def test_rollback_writes_a_revert_that_promote_respects(three, clone):
    taken = three.tip()
    result = rollback(clone, ask())
    assert result.pushed and three.text("shop", "dev").count(B) == 1
    assert three.message() == f'Revert "deploy: shop dev {C}"\n\nThis reverts commit {taken}, back to {B}.'
    with pytest.raises(RefusedError, match=f"{C} was taken back by"):
        promote(clone, ask(C))
    assert shown(clone) == [(B, 0, False), (C, None, True), (B, None, False), (A, 1, False), (START, 2, False)]
    assert promote(clone, ask(C, force_reverted=True)).pushed


def test_the_next_rollback_goes_further_back_and_not_to_what_was_taken_back(three, clone):
    rollback(clone, ask())
    assert rollback(clone, ask()).edit.after == A
    assert rollback(clone, ask()).edit.after == START
    with pytest.raises(RefusedError, match=r"dev\.yaml: images to go back to: 0; asked for: 1 back"):
        rollback(clone, ask())


def test_several_steps_at_once(three, clone):
    assert rollback(clone, ask(), steps=2).edit.after == A
    with pytest.raises(RefusedError, match="images to go back to: 2; asked for: 3 back"):
        rollback(clone, ask(), steps=3)


def test_reverting_the_rollback_lifts_it(three, clone):
    rollback(clone, ask())
    revert(three, "HEAD")
    assert three.text("shop", "dev").count(C) == 1
    promote(clone, ask("ddddddd4"))
    assert promote(clone, ask(C)).pushed


def test_an_image_that_git_revert_took_back_is_skipped(three, clone):
    revert(three, "HEAD")
    assert shown(clone)[:3] == [(B, 0, False), (C, None, True), (B, None, False)]
    assert rollback(clone, ask()).edit.after == A


def test_a_protected_environment_is_rolled_back_by_pull_request(remote, clone):
    folder = remote.clone("rules")
    for value in (A, B):
        promote(clone, ask(value, env="prod"))
    git(folder, "pull", "--quiet")
    (folder / "gitops" / "overlay.yaml").write_text("protected: [prod]\nfollows: {prod: dev}\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "rules")
    git(folder, "push", "--quiet", "origin", "HEAD:main")
    tip = remote.tip()
    result = rollback(clone, ask(env="prod"))
    assert (remote.tip(), result.branch, result.edit.after) == (tip, "promote/shop-prod", A), "though dev never ran it"
    assert remote.message("promote/shop-prod").startswith(f'Revert "deploy: shop prod {B}"')
    again = rollback(clone, ask(env="prod"))
    assert not again.pushed, "the branch carries it already"
    git(folder, "fetch", "--quiet")
    git(folder, "merge", "--quiet", "--no-ff", "-m", "Merge pull request #1 from promote", "origin/promote/shop-prod")
    git(folder, "push", "--quiet", "origin", "HEAD:main")
    assert shown(clone, env="prod") == [(A, 0, False), (B, None, True), (A, None, False), (START, 1, False)]
    assert ran(clone, env="prod")[0].since.subject == f'Revert "deploy: shop prod {B}"', "not the merge"
    promote(clone, ask(B))
    with pytest.raises(RefusedError, match="was taken back"):
        promote(clone, ask(B, env="prod", pull_request=True))


def test_a_merge_that_brings_another_change_leaves_the_order_as_the_branch_had_it(three, clone):
    folder = three.clone("side")
    git(folder, "checkout", "--quiet", "-b", "side", "HEAD~1")
    file = folder / "gitops/apps/shop/dev.yaml"
    file.write_text(file.read_text() + "more: 1\n")
    git(folder, "commit", "--quiet", "-am", "side")
    git(folder, "checkout", "--quiet", "main")
    git(folder, "merge", "--quiet", "-m", "merge", "side")
    git(folder, "push", "--quiet", "origin", "HEAD:main")
    assert shown(clone) == [(C, 0, False), (B, 1, False), (A, 2, False), (START, 3, False)]


def test_who_promotes_meanwhile_is_not_undone(three, clone, monkeypatch):
    meanwhile(monkeypatch, lambda: promote(three.clone("b"), ask("eeeeeee5")))
    with pytest.raises(OvertakenError, match="not 'ccccccc3' as expected"):
        rollback(clone, ask())


def test_a_clone_of_depth_one_goes_back_as_well(three):
    folder = three.folder.parent / "shallow"
    git(three.folder.parent, "clone", "--quiet", "--depth=1", f"file://{three.folder}", "shallow")
    assert rollback(folder, ask(), steps=3).edit.after == START


def test_a_dry_run_writes_nothing(three, clone):
    tip = three.tip()
    assert rollback(clone, ask(dry_run=True)).edit.after == B
    assert three.tip() == tip


def test_what_is_not_there_is_told(three, clone):
    for app, env, says in (("shp", "dev", "did you mean 'shop'"), ("shop", "stage", "no environment 'stage'")):
        with pytest.raises(RefusedError, match=says):
            ran(clone, env=env, app=app)
    with pytest.raises(RefusedError, match="no application 'nope'"):
        history(clone, "nope", None, remote="origin", branch="main", most=1)
    change(three, "shop", "dev", lambda text: text.replace(f"tag: {C}", "tag: ''"))
    assert ran(clone) == []
    change(three, "shop", "prod", lambda text: text.replace(f"tag: {START}", "tag: ''"))
    assert history(clone, "shop", None, remote="origin", branch="main", most=1) == [], "it is there, and runs nothing"
    with pytest.raises(RefusedError, match="images to go back to: 0"):
        rollback(clone, ask())


def test_an_application_that_was_never_built_is_not_gone_back_to(remote, clone):
    change(remote, "shop", "dev", lambda text: text.replace(START, "0" * 40))
    for value in (A, B):
        promote(clone, ask(value))
    assert shown(clone) == [(B, 0, False), (A, 1, False), (START, 2, False)]


def test_what_a_folder_or_a_file_is_called_is_no_markup_and_no_second_line(three, clone):
    change(three, "shop", "dev", lambda text: text.replace(f"tag: {C}", 'tag: "[/red]x"'))
    folder = three.clone("hostile")
    hostile = folder / "gitops/apps/a\nb"
    hostile.mkdir()
    (hostile / "dev.yaml").write_text("image: {tag: x}\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "[/]")
    git(folder, "push", "--quiet", "origin", "HEAD:main")
    found = history(clone, None, None, remote="origin", branch="main", most=1)
    assert [version.app for version in found] == ["cart", "cart", "shop", "shop"]
    printed = io.StringIO()
    print_history(ran(clone), Console(file=printed, width=120))
    assert "[/red]x" in printed.getvalue()


def test_the_commands_print_for_eyes_and_for_programs(three, clone):
    def run(*arguments):
        start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bootstrap.cli import main; main()"
        command = [sys.executable, "-c", start, *arguments, "--repository", str(clone)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    table = run("history", "shop", "dev")
    assert table.returncode == 0, table.stderr
    assert [line.split()[2] for line in table.stdout.splitlines() if "shop" in line] == [C, B, A, START]
    assert "runs" in table.stdout and "--to 3" in table.stdout
    done = run("rollback", "shop", "dev")
    assert done.returncode == 0, done.stderr
    assert f"rolled shop back in dev on main ({three.tip()[:10]})" in done.stdout
    images = json.loads(run("history", "shop", "--format", "json").stdout)["images"]
    assert [(one["environment"], one["image"]) for one in images] == [("dev", B), ("prod", START)]
    refused = run("rollback", "shop", "dev", "--to", "9")
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)
    assert "images to go back to: 2" in refused.stderr
