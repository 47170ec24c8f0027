"""What a promotion must not undo: a newer promotion, and a revert."""

from collections.abc import Sequence

from bootstrap.delivery.promote.command import redact
from bootstrap.delivery.promote.git import Repository
from bootstrap.delivery.promote.history import REVERTS, Deed, later_run, mentions, revert_of, run_number, setter
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.errors import OvertakenError, RefusedError


class Watch:
    """Looks at every tip that a promotion is about to change.

    The rules, in this order:

    1. With ``--expect``, the value that is replaced is the expected one. The order of promotions is then not looked at.
    2. Promotions of one source repository are ordered by the number of their run (``--source-run``): an earlier run
       never replaces what a later one promoted, however long its build took.
    3. Where the order cannot be told, who is there first stays: a value that somebody changed between our first look
       and now is not replaced.
    4. What a revert took out stays out, until somebody lifts the revert.
    """

    def __init__(self, repository: Repository, request: Request) -> None:
        """Start with nothing seen."""
        self._repository, self._request = repository, request
        self._seen: Edit | None = None

    def check(self, edit: Edit) -> None:
        """Let a change pass, or say what it would undo.

        Raises:
            OvertakenError: rules 1 to 3.
            RefusedError: rule 4.
        """
        seen, self._seen = self._seen, edit
        expected = self._request.expect
        if expected is not None and edit.before != expected:
            raise OvertakenError(f"{edit.file}: {edit.path} is {edit.before!r}, not {expected!r} as expected")
        if seen is not None and not self._repository.touched(seen.tip, edit.tip, edit.file):
            return
        source = redact((self._request.source_repository or "").strip())
        # of a long history only the messages are read, and those once
        candidates = mentions(self._repository, edit.tip, *REVERTS, *([source] if source else []))
        if expected is None and (seen is None or seen.before != edit.before):
            self._check_order(edit, seen, source, candidates)
        self._check_revert(edit, candidates)

    def _check_order(self, edit: Edit, since: Edit | None, source: str, candidates: Sequence[Deed]) -> None:
        ours = run_number(self._request.source_run or "")
        if ours is not None and source:
            later = later_run(
                self._repository, edit.tip, edit.file, edit.before, source=source, run=ours, candidates=candidates
            )
            if later is not None:
                raise OvertakenError(
                    f"{edit.file}: {edit.path} is {edit.before}, which a later run promoted: {later.told}. To replace "
                    f"it all the same, say --expect {edit.before}"
                )
        if since is not None:
            there = setter(self._repository, edit.tip, edit.file, edit.before, since=since.tip)
            if there and ours and source and there.source == source and there.run is not None and there.run < ours:
                return
            by = there.told if there else "a commit that cannot be told"
            raise OvertakenError(
                f"{edit.file}: somebody changed {edit.path} from {since.before!r} to {edit.before!r} while this ran: "
                f"{by}. Nothing says which of the two is newer; to replace it, say --expect {edit.before}"
            )

    def _check_revert(self, edit: Edit, candidates: Sequence[Deed]) -> None:
        if self._request.force_reverted:
            return
        title = f"{self._request.title} {edit.after}"
        revert = revert_of(self._repository, edit.tip, edit.file, title, edit.after, candidates=candidates)
        if revert is not None:
            raise RefusedError(
                f"{edit.file}: {edit.after} was taken back by {revert.told}, and that holds until somebody lifts it: "
                "revert the revert, or say --force-reverted"
            )
