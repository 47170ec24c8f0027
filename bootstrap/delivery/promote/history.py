"""What a file's history says about an image: who brought it in, and whether a revert took it out again."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from application_sources import NAME_PATTERN
from bootstrap.delivery.promote.git import Repository
from bootstrap.delivery.promote.version import digest_of, is_immutable, literal, spellings, tag_of


class ImageCommit(NamedTuple):
    """A commit that brought an image into a file, or took it out."""

    commit: str
    subject: str
    body: str
    author: str
    date: str
    source: str
    """The repository that the image is built from, as the commit's trailer says."""
    run: int | None
    """The number of the run that promoted; the later run has the greater one."""
    run_url: str
    digest: str
    """The image's digest, as the commit's trailer says."""
    parents: list[str]
    """More than one of a merge."""

    @property
    def reverted_commits(self) -> list[str]:
        """The commits that it reverts, where it names them."""
        return re.findall(r"This reverts commit ([0-9a-f]{7,64})", self.body)

    @property
    def label(self) -> str:
        """The commit as a message names it."""
        return f'{self.commit[:10]} "{self.subject}" of {self.author}, {self.date}'


_FIELDS = (
    "%H",
    "%s",
    "%b",
    "%an",
    "%cI",
    "%(trailers:key=Source-Repository,valueonly,separator=%x2C)",
    "%(trailers:key=Source-Run,valueonly,separator=%x2C)",
    "%(trailers:key=Image-Digest,valueonly,separator=%x2C)",
    "%P",
)


_NEAR = (100, 2000)
"""How many commits back to look before all of a history is looked through."""


def image_commits(
    repository: Repository, tip: str, path: PurePosixPath, value: str, *, since: str | None = None, last: bool = False
) -> list[ImageCommit]:
    """Return the commits that brought something into a file or took it out, the latest first.

    Git counts how often it stands in the file before and after each commit (its "pickaxe"), which is quick.

    Args:
        repository: where to look.
        tip: the commit whose history counts.
        path: the file.
        value: a regular expression, Git's and Python's: of a text or of several ways to write it.
        since: a commit whose own history does not count.
        last: whether the latest is enough.
    """
    revisions = f"{since}..{tip}" if since else tip
    if since:
        repository.need_trees(repository.run("rev-list", revisions).split())
    else:
        repository.need_history()
    return log(repository, revisions, path, *(["-1"] if last else []), "--pickaxe-regex", f"-S{_alone(value)}")


def near_first(repository: Repository, tip: str) -> list[str | None]:
    """Return commits since which to look for what most probably is near a tip; at last None, for all of its history."""
    near = [repository.ask("rev-parse", "--verify", "--quiet", f"{tip}~{steps}") for steps in _NEAR]
    return [*(commit for commit in near if commit), None]


def mentions(repository: Repository, tip: str, *texts: str) -> list[ImageCommit]:
    """Return the commits of a history whose message has one of the texts, the latest first.

    No file is read, so that it takes a shallow clone no more than the messages.
    """
    return _commits(repository, "--fixed-strings", *(f"--grep={text}" for text in texts), tip)


def moving(
    repository: Repository, path: PurePosixPath, value: str, commits: Sequence[ImageCommit]
) -> list[ImageCommit]:
    """Return those commits that bring a value into a file, or take it out: :func:`image_commits` may return them.

    What is not among these is not among those; a commit of a branch whose outcome was not merged is among these alone.
    """
    if not commits:
        return []
    alone = re.compile(_alone(value).encode(), re.MULTILINE)
    changed = repository.changes(path, [entry.commit for entry in commits])
    counts = {
        commit: (len(alone.findall(before)), len(alone.findall(after))) for commit, (before, after) in changed.items()
    }
    return [entry for entry in commits if entry.commit in counts and len(set(counts[entry.commit])) > 1]


def _alone(value: str) -> str:
    """Return a regular expression, Git's and Python's, for a value that stands by itself.

    v1.2 is not in v1.2.3, nor a tag in what pins it with a digest.
    """
    return f"(^|[^A-Za-z0-9._@-]){value}([^A-Za-z0-9._@:-]|$)"


def log(repository: Repository, revisions: str, path: PurePosixPath, *options: str) -> list[ImageCommit]:
    """Return the commits that concern a file, the latest first; their files have to be there.

    Args:
        repository: where to look.
        revisions: a commit whose history counts, or a range.
        path: the file.
        options: those of ``git log`` that choose among its commits.
    """
    return _commits(repository, *options, revisions, "--", f":(top,literal){path}")


def _commits(repository: Repository, *options: str) -> list[ImageCommit]:
    printed = repository.run(
        "-c",
        "log.follow=false",
        "log",
        "-z",
        "--no-show-signature",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        "--no-mailmap",
        f"--format={'%x00'.join(_FIELDS)}",
        *options,
    )
    texts = iter(printed.split("\0")[:-1])
    # one iterator as many times as a commit has fields
    rows = zip(*[texts] * len(_FIELDS), strict=True)
    return [
        ImageCommit(commit, subject, body, author, date, source, run_number(run), run, digest, parents.split())
        for commit, subject, body, author, date, source, run, digest, parents in rows
    ]


def setter(
    repository: Repository, tip: str, path: PurePosixPath, value: str, *, since: str | None = None
) -> ImageCommit | None:
    """Return the commit that brought in the value that a file now has.

    Args:
        repository: where to look.
        tip: the commit at which the file has the value.
        path: the file.
        value: the value.
        since: a commit at which the file had another.
    """
    if not value:
        return None
    for start in [*([since] if since else []), *near_first(repository, tip)]:
        if found := image_commits(repository, tip, path, literal(value), since=start, last=True):
            return found[0]
    return None


REVERTS = ('Revert "', "This reverts commit ")
"""What the message of a revert has, of which there are two kinds; see :func:`revert_of`."""


def revert_of(
    repository: Repository, tip: str, path: PurePosixPath, title: str, value: str, *, candidates: Iterable[ImageCommit]
) -> ImageCommit | None:
    """Return the revert that took a value out of a file; None where it left in another way, or never was there.

    A revert is what `git revert` and the hosts' buttons write: ``Revert "<subject>"``, or "This reverts commit <sha>".
    One whose subject says that it is of another promotion is taken at its word (:data:`_REVERT_OF_PUSH`).
    It holds until the value is brought in again by hand, by reverting the revert, or with ``--force-reverted``.

    Args:
        repository: where to look.
        tip: the commit whose history counts; the file there does not have the value.
        path: the file.
        title: how the subject of every promotion of this environment begins.
        value: what would be promoted, however it is written there.
        candidates: the commits of the history whose message has one of :data:`REVERTS`, and any others.
    """
    reverts = [entry for entry in candidates if _names(entry, title, value) or _may_concern(entry, title, value)]
    # all but never does a revert concern this very image, and the rest of the history need not be read
    if not moving(repository, path, spellings(value), reverts):
        return None
    # empty where the revert is of a branch whose outcome was not merged
    found = image_commits(repository, tip, path, spellings(value))
    return found[0] if found and takes_back(found[0], found[1:], title, value) else None


def later_run(
    repository: Repository,
    tip: str,
    path: PurePosixPath,
    value: str,
    *,
    source: str,
    run: int,
    candidates: Iterable[ImageCommit],
) -> ImageCommit | None:
    """Return the commit that brought in the value that a file has, if a later run of the same source made it.

    Args:
        repository: where to look.
        tip: the commit at which the file has the value.
        path: the file.
        value: the value.
        source: the repository that the image is built from.
        run: the number of a run.
        candidates: the commits of the history whose message has the source, and any others.
    """

    def later(entry: ImageCommit) -> bool:
        return entry.source == source and entry.run is not None and entry.run > run

    if not moving(repository, path, literal(value), [entry for entry in candidates if later(entry)]):
        return None
    there = setter(repository, tip, path, value)
    return there if there and later(there) else None


def takes_back(last: ImageCommit, earlier: Iterable[ImageCommit], title: str, value: str) -> bool:
    """Whether the commit that took a value out is a revert of one that brought it in.

    Args:
        last: took the value out.
        earlier: concerned the value before that.
        title: how the subject of every promotion of this environment begins.
        value: the value.
    """
    if _names(last, title, value):
        return True
    # a revert that is reverted brings one image back and takes another out, which nobody took back
    promotions = [entry for entry in earlier if not entry.reverted_commits]
    return any(entry.commit.startswith(tuple(last.reverted_commits)) for entry in promotions)


_REVERT_OF_PUSH = re.compile(rf'Revert "(?P<title>deploy: {NAME_PATTERN} {NAME_PATTERN}) (?P<image>\S+) \[skip ci\]"')
"""What ``git revert`` calls the revert of a promotion that was pushed to the branch itself.

Such a commit changes one file, and its subject is ours. A pull request may have another title when it is merged.
"""


def _may_concern(entry: ImageCommit, title: str, value: str) -> bool:
    """Whether a revert may have taken an image out, by its message: not where it is of another promotion.

    In a long history nearly all reverts are of others, whose files are then not fetched.
    """
    if len(entry.reverted_commits) != 1:
        return bool(entry.reverted_commits)
    reverted = _REVERT_OF_PUSH.fullmatch(entry.subject)
    if reverted is None or not is_immutable(reverted["image"]):
        return True
    if reverted["title"] != title:
        return False
    # the subject need not name the digest, and two commits may have been built into one image
    tag, other = tag_of(value), tag_of(reverted["image"])
    return None in (tag, other) or digest_of(value) is not None or str(tag).startswith(str(other))


def _names(entry: ImageCommit, title: str, value: str) -> bool:
    return re.match(rf'Revert "{re.escape(title)} {spellings(value)}(?![\w.@:-])', entry.subject) is not None


def run_number(run: str) -> int | None:
    """Return the number that orders a pipeline's runs, from its URL (GitHub, GitLab, Azure Pipelines) or by itself."""
    found = re.fullmatch(r"\d+", run) or re.search(r"(?:/runs/|/pipelines/|/jobs/|buildId=)(\d+)", run)
    return int(found[found.lastindex or 0]) if found else None
