"""What a file's history says about an image: who brought it in, and whether a revert took it out again."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from bootstrap.delivery.promote.git import Repository


class Deed(NamedTuple):
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
    parents: list[str]
    """More than one of a merge."""

    @property
    def undoes(self) -> list[str]:
        """The commits that it reverts, where it names them."""
        return re.findall(r"This reverts commit ([0-9a-f]{7,64})", self.body)

    @property
    def told(self) -> str:
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
    "%P",
)


def deeds(repository: Repository, tip: str, path: PurePosixPath, value: str, *, last: bool = False) -> list[Deed]:
    """Return the commits that brought a value into a file or took it out, the latest first.

    Git counts how often it stands in the file before and after each commit (its "pickaxe"), which is quick. The value
    has to stand by itself: v1.2 is not in v1.2.3, nor a tag in what pins it with a digest.
    """
    literal = re.sub(r"[][.{}()*+?^$|\\]", r"\\\g<0>", value)
    alone = f"(^|[^[:alnum:]._@-]){literal}([^[:alnum:]._@:-]|$)"
    return log(repository, tip, path, *(["-1"] if last else []), "--pickaxe-regex", f"-S{alone}")


def log(repository: Repository, revisions: str, path: PurePosixPath, *options: str) -> list[Deed]:
    """Return the commits that concern a file, the latest first.

    Args:
        repository: where to look.
        revisions: a commit whose history counts, or a range.
        path: the file.
        options: those of ``git log`` that choose among its commits.
    """
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
        *options,
        f"--format={'%x00'.join(_FIELDS)}",
        revisions,
        "--",
        f":(top,literal){path}",
    )
    texts = iter(printed.split("\0")[:-1])
    # one iterator as many times as a commit has fields
    rows = zip(*[texts] * len(_FIELDS), strict=True)
    return [
        Deed(commit, subject, body, author, date, source, run_number(run), parents.split())
        for commit, subject, body, author, date, source, run, parents in rows
    ]


def setter(repository: Repository, tip: str, path: PurePosixPath, value: str) -> Deed | None:
    """Return the commit that brought in the value that a file now has."""
    found = deeds(repository, tip, path, value, last=True) if value else []
    return found[0] if found else None


def revert_of(repository: Repository, tip: str, path: PurePosixPath, title: str, value: str) -> Deed | None:
    """Return the revert that took a value out of a file; None where it left in another way, or never was there.

    A revert is what `git revert` and the hosts' buttons write: ``Revert "<subject>"``, or "This reverts commit <sha>".
    It holds until the value is brought in again by hand, by reverting the revert, or with ``--force-reverted``.

    Args:
        repository: where to look.
        tip: the commit whose history counts; the file there does not have the value.
        path: the file.
        title: how the subject of the value's promotion begins.
        value: what would be promoted.
    """
    found = deeds(repository, tip, path, value)
    if not found:
        return None
    last, *earlier = found
    return last if takes_back(last, earlier, title) else None


def takes_back(last: Deed, earlier: Iterable[Deed], title: str) -> bool:
    """Whether the commit that took a value out is a revert of one that brought it in.

    Args:
        last: took the value out.
        earlier: concerned the value before that.
        title: how the subject of the value's promotion begins.
    """
    if re.match(rf'Revert "{re.escape(title)}(?![\w.@:-])', last.subject):
        return True
    # a revert that is reverted brings one image back and takes another out, which nobody took back
    promotions = [deed for deed in earlier if not deed.undoes]
    return any(deed.commit.startswith(tuple(last.undoes)) for deed in promotions)


def run_number(run: str) -> int | None:
    """Return the number that orders a pipeline's runs, from its URL (GitHub, GitLab, Azure Pipelines) or by itself."""
    found = re.fullmatch(r"\d+", run) or re.search(r"(?:/runs/|/pipelines/|/jobs/|buildId=)(\d+)", run)
    return int(found[found.lastindex or 0]) if found else None
