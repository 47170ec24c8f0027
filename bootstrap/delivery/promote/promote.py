"""Writes one image into Git: what is asked for is looked at, the branch is fetched, and a commit is pushed."""

from startup import on_demand

from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.delivery.promote.git import Repository
from bootstrap.delivery.promote.request import Request, Result

if TYPE_CHECKING:
    from bootstrap.delivery.promote import attempts
else:  # what edits, checks and renders takes as long to load as a long history takes to arrive
    attempts = on_demand("bootstrap.delivery.promote.attempts")


def promote(root: Path, request: Request) -> Result:
    """Promote an image; a run that died, or failed, is safely run again.

    Args:
        root: the project's folder in a clone; its checkout is not touched.
        request: what to promote.

    Raises:
        BootstrapError: nothing was promoted; the class says why, see ``bootstrap promote --help``.
    """
    request.check()
    with Repository(root, request.remote) as repository:
        repository.begin_fetch(request.branch)
        return attempts.write(root, repository, request)
