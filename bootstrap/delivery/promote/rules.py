"""What a promotion must not undo: a newer promotion, and a revert."""

from collections.abc import Sequence

from bootstrap.delivery.promote.command import redact
from bootstrap.delivery.promote.edit import image_in
from bootstrap.delivery.promote.git import Repository
from bootstrap.delivery.promote.history import (
    REVERTS,
    ImageCommit,
    later_run,
    log,
    mentions,
    revert_of,
    run_number,
    setter,
)
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.delivery.promote.version import same_image
from bootstrap.errors import OvertakenError, RefusedError


class Watch:
    """Looks at every tip that a promotion is about to change.

    The rules, in this order:

    1. With ``--expect``, the value that is replaced is the expected one. The order of promotions is then not looked at.
    2. Promotions of one source repository are ordered by the number of their run (``--source-run``): an earlier run
       never replaces what a later one promoted, however long its build took. It is overtaken, which is no error: what
       it has to do is done. The same holds for what is in an open pull request (:func:`later_request`).
    3. Where the order cannot be determined, who is there first stays: a value that somebody changed between our first
       look and now is not replaced.
    4. What a revert took out stays out, until somebody lifts the revert.
    """

    def __init__(self, repository: Repository) -> None:
        """Start with nothing seen."""
        self._repository = repository
        self._seen: Edit | None = None

    def check(self, edit: Edit, request: Request) -> str | None:
        """Let a change pass, or return the later promotion that overtook it (rule 2), in words.

        Raises:
            OvertakenError: rules 1 and 3.
            RefusedError: rule 4.
        """
        seen, self._seen = self._seen, edit
        expected = request.expect
        if expected is not None and edit.before != expected:
            raise OvertakenError(f"{edit.file}: {edit.path} is {edit.before!r}, not {expected!r} as expected")
        if seen is not None and not self._repository.touched(seen.tip, edit.tip, edit.file):
            return None
        source, ours = _source(request)
        # of a long history only the messages are read, and those once
        candidates = mentions(self._repository, edit.tip, *REVERTS, *([source] if source else []))
        if expected is None and (seen is None or seen.before != edit.before):
            if source and ours is not None:
                later = later_run(
                    self._repository, edit.tip, edit.file, edit.before, source=source, run=ours, candidates=candidates
                )
                if later is not None:
                    return (
                        f"{edit.path} of {edit.file} is {edit.before}, which a later run promoted: {later.label}. To "
                        f"replace it all the same, say --expect {edit.before}"
                    )
            if seen is not None:
                self._check_change(edit, request, seen)
        self._check_revert(edit, request, candidates)
        return None

    def _check_change(self, edit: Edit, request: Request, seen: Edit) -> None:
        there = setter(self._repository, edit.tip, edit.file, edit.before, since=seen.tip)
        source, ours = _source(request)
        if there and source and there.source == source and _less(there.run, ours):
            return
        by = there.label if there else "a commit that cannot be determined"
        raise OvertakenError(
            f"{edit.file}: somebody changed {edit.path} from {seen.before!r} to {edit.before!r} while this ran: "
            f"{by}. Nothing says which of the two is newer; to replace it, say --expect {edit.before}"
        )

    def _check_revert(self, edit: Edit, request: Request, candidates: Sequence[ImageCommit]) -> None:
        if request.force_reverted:
            return
        revert = revert_of(self._repository, edit.tip, edit.file, request.title, edit.after, candidates=candidates)
        if revert is not None:
            raise RefusedError(
                f"{edit.file}: {edit.after} was taken back by {revert.label}, and that holds until somebody lifts it: "
                "revert the revert, or say --force-reverted"
            )


def later_request(repository: Repository, edit: Edit, request: Request, head: str) -> str | None:
    """Return the later promotion that an open pull request has, in words; None where ours may replace it.

    Promotions of one source repository are ordered by the number of their run. Of images that are copied from another
    environment and have no such number, the one that came into that environment last is the later one.

    Args:
        repository: where to look.
        edit: our change.
        request: what is promoted; with ``--expect`` the order is not looked at.
        head: the tip of the pull request's branch.
    """
    if request.expect is not None:
        return None
    [content] = repository.contents(edit.file, [head])
    image = image_in(content, edit.path)
    there = log(repository, f"{edit.tip}..{head}", edit.file, "--no-merges", "-1")
    if not there or not image or same_image(image, edit.after) or image == edit.before:
        return None
    source, ours = _source(request)
    if source and there[0].source == source and there[0].run is not None and ours is not None:
        later = ours < there[0].run
    else:
        later = _came_later(repository, request, head, image)
    if not later:
        return None
    return (
        f"the branch of the open pull request has {image} at {edit.path} of {edit.file}, which is later: "
        f"{there[0].label}. To replace it all the same, close the pull request and delete its branch"
    )


def _came_later(repository: Repository, request: Request, head: str, image: str) -> bool:
    """Whether an image came into the environment that ours is copied from after ours did."""
    ours, file = request.copied, request.copied_from
    theirs = setter(repository, head, file, image) if ours and file else None
    if ours is None or theirs is None or theirs.commit == ours.commit:
        return False
    return repository.contains(theirs.commit, ours.commit)


def _source(request: Request) -> tuple[str, int | None]:
    return redact((request.source_repository or "").strip()), run_number(request.source_run or "")


def _less(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one < other
