"""What a promotion fetches of a long history, and that its rules are as exact from a clone that has one commit."""

import pytest

from bench.histories import APPS, REVERT_EVERY, VALUES, git, write_history
from bootstrap.delivery.promote.git import Repository
from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.delivery.promote.rollback import history
from bootstrap.errors import RefusedError

COMMITS = 1000
NEW = "4f2a9c1d"
RULES = "follows: {prod: dev}\n"


@pytest.fixture
def server(tmp_path):
    return write_history(tmp_path / "large.git", COMMITS)


@pytest.fixture
def shallow(server):
    return clone(server, "--depth=1")


@pytest.fixture
def fetched(monkeypatch):
    """Count what is in the repository that promotions fetch into, when they are done with it."""
    counts: list[dict[str, int]] = []
    real = Repository.__exit__

    def count(self, *given):
        objects = self.run("cat-file", "--batch-check=%(objecttype)", "--batch-all-objects", "--unordered")
        there = git(self._workspace.clone.folder, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)")
        counts.append(
            {kind: objects.split().count(kind) - there.split().count(kind) for kind in ("commit", "tree", "blob")}
        )
        real(self, *given)

    monkeypatch.setattr(Repository, "__exit__", count)
    return counts


def clone(server, *options):
    name = f"clone-{len(list(server.parent.iterdir()))}"
    git(server.parent, "clone", "--quiet", *options, f"file://{server}", name)
    return server.parent / name


def request(value=NEW, app="app-03", env="dev", run=10**6, **more):
    return Request(
        app=app, environment=env, value=value, **{"source_repository": f"example/{app}", "source_run": str(run)} | more
    )


def commit(server, app, env, tag, message):
    """Commit a change of an image as somebody else, and return the commit."""
    work = server.parent / "someone"
    if not work.exists():
        git(server.parent, "clone", "--quiet", str(server), "someone")
    git(work, "pull", "--quiet")
    (work / f"gitops/apps/{app}/{env}.yaml").write_text(VALUES.format(tag=tag))
    (work / "gitops/overlay.yaml").write_text(RULES)
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", message)
    git(work, "push", "--quiet")
    return git(work, "rev-parse", "HEAD")


def grow(server, count):
    """Commit many changes of another application."""
    stream = "".join(
        f"commit refs/heads/main\ncommitter A <a@b> {1_900_000_000 + number} +0000\ndata 1\nx\n"
        f"{'from refs/heads/main^0' + chr(10) if not number else ''}"
        f"M 100644 inline gitops/apps/app-01/dev.yaml\ndata {len(VALUES.format(tag=number))}\n"
        f"{VALUES.format(tag=number)}\n"
        for number in range(count)
    )
    git(server, "fast-import", "--quiet", given=stream)


@pytest.mark.parametrize("app", ["app-03", f"app-{REVERT_EVERY * 5 % APPS:02}"], ids=["never reverted", "reverted"])
def test_from_a_clone_of_depth_one_commits_are_fetched_and_hardly_a_file(server, shallow, fetched, app):
    assert promote(shallow, request(app=app)).pushed
    (counts,) = fetched
    assert counts["commit"] == COMMITS - 1 + 1, "the history but the commit that is there, and our own"
    # what the reverts take back is in their subjects
    assert counts["tree"] == 4, "our own"
    assert counts["blob"] < 10


def test_of_reverts_in_other_words_a_few_trees_are_fetched(server, shallow, fetched):
    for number in range(5):
        commit(server, "app-05", "dev", f"5a5a5a5{number}", "Back\n\nThis reverts commit " + "a" * 40 + ".")
    assert promote(shallow, request()).pushed
    # of each and its parent three, which tell that it is about another application; then our own
    assert 4 < fetched[0]["tree"] <= 5 * 2 * 3 + 4


def test_a_whole_clone_fetches_nothing(server, fetched):
    assert promote(clone(server), request()).pushed
    assert fetched == [{"commit": 1, "tree": 4, "blob": 1}], "our own"


def test_a_tip_that_the_clone_does_not_have_is_fetched_with_its_trees_alone(server, shallow, fetched):
    grow(server, 3)
    assert promote(shallow, request()).pushed
    assert fetched[0]["commit"] == COMMITS + 3
    assert fetched[0]["blob"] < 10


@pytest.mark.parametrize("setting", ["uploadpack.allowFilter", "uploadpackfilter.allow", "uploadpackfilter.tree.allow"])
def test_a_server_without_filters_does_as_well(server, setting):
    git(server, "config", setting, "false")
    assert promote(clone(server, "--depth=1"), request("aaaaaaa1")).pushed
    taken = commit(server, "app-03", "dev", NEW, "by hand")
    commit(server, "app-03", "dev", "5a5a5a5a", f"Back\n\nThis reverts commit {taken}.")
    grow(server, 200)
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone(server, "--depth=1"), request())


def test_a_server_that_limits_how_deep_a_filter_is_does_as_well(server):
    git(server, "config", "uploadpackfilter.tree.maxDepth", "0")
    taken = commit(server, "app-03", "dev", NEW, "by hand")
    commit(server, "app-03", "dev", "5a5a5a5a", f"Back\n\nThis reverts commit {taken}.")
    grow(server, 200)
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone(server, "--depth=1"), request())


@pytest.mark.parametrize("fewer", [1, 2])
def test_a_server_that_counts_the_depth_otherwise_does_as_well(server, monkeypatch, fewer):
    real = Repository.need_objects

    def need(self, objects, *, filtered="blob:none"):
        kind, _, depth = filtered.partition(":")
        real(self, objects, filtered=f"{kind}:{int(depth) - fewer}" if kind == "tree" else filtered)

    monkeypatch.setattr(Repository, "need_objects", need)
    taken = commit(server, "app-03", "dev", NEW, "by hand")
    commit(server, "app-03", "dev", "5a5a5a5a", f"Back\n\nThis reverts commit {taken}.")
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone(server, "--depth=1"), request())


@pytest.mark.parametrize("options", [["--depth=1"], []], ids=["shallow", "whole"])
class TestFarBack:
    """The rules, about commits that are hundreds of commits back."""

    def test_a_revert_that_names_the_commit_alone_holds(self, server, options):
        taken = commit(server, "app-03", "dev", NEW, "by hand")
        commit(server, "app-03", "dev", "5a5a5a5a", f"Back\n\nThis reverts commit {taken}.")
        grow(server, 200)
        with pytest.raises(RefusedError, match=f"{NEW} was taken back by .*Back"):
            promote(clone(server, *options), request())

    def test_a_revert_that_was_lifted_does_not_hold(self, server, options):
        taken = commit(server, "app-03", "dev", NEW, "by hand")
        commit(server, "app-03", "dev", "5a5a5a5a", f"Back\n\nThis reverts commit {taken}.")
        commit(server, "app-03", "dev", NEW, "by hand again")
        commit(server, "app-03", "dev", "5a5a5a5a", "another")
        grow(server, 200)
        assert promote(clone(server, *options), request()).pushed

    def test_a_later_run_is_not_undone(self, server, options):
        number = max(number for number in range(COMMITS) if number % APPS == 3 and number % REVERT_EVERY)
        assert promote(clone(server, *options), request(run=number - 1)).overtaken
        assert promote(clone(server, *options), request(run=number + 1)).pushed

    def test_a_later_run_whose_image_was_replaced_by_hand_is_no_hindrance(self, server, options):
        commit(server, "app-03", "dev", "5a5a5a5a", "by hand")
        grow(server, 200)
        assert promote(clone(server, *options), request(run=1)).pushed

    def test_what_ran_before_goes_on(self, server, options):
        commit(server, "app-03", "prod", "5a5a5a5a", "rules")
        ran = f"{APPS * 3 + 3:08x}"
        assert promote(clone(server, *options), request(ran, env="prod", pull_request=True)).pushed
        with pytest.raises(RefusedError, match="never ran in dev"):
            promote(clone(server, *options), request(NEW, env="prod", pull_request=True))

    def test_history_is_whole(self, server, options):
        found = history(clone(server, *options), "app-03", "dev", remote="origin", branch="main", most=1000)
        assert len(found) == len(range(3, COMMITS, APPS)) + 1


def test_the_clone_stays_as_shallow_as_it_was(server, shallow):
    def state():
        return [git(shallow, *words) for words in (("for-each-ref",), ("config", "--list"), ("count-objects", "-v"))]

    before = state()
    assert promote(shallow, request()).pushed
    assert state() == before
    assert git(shallow, "rev-list", "--count", "HEAD") == "1"
