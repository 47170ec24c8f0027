"""Computes an image's change at the remote's tip and pushes it, and computes it again when somebody was faster."""

import random
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bootstrap.delivery.gitops import apps_folder, image_file
from bootstrap.delivery.promote.answer import Answer, Pushed
from bootstrap.delivery.promote.command import explained
from bootstrap.delivery.promote.edit import diff, edit_at, repository_of
from bootstrap.delivery.promote.environments import check_environment
from bootstrap.delivery.promote.git import Repository
from bootstrap.delivery.promote.history import setter
from bootstrap.delivery.promote.pull_request import branch_of, how_to_open, open_request, propose
from bootstrap.delivery.promote.registry import verify
from bootstrap.delivery.promote.rendering import Renderer
from bootstrap.delivery.promote.request import Edit, Request, Result
from bootstrap.delivery.promote.rules import Watch, later_request
from bootstrap.delivery.promote.signature import check_signed
from bootstrap.delivery.promote.version import tag_of
from bootstrap.errors import GitError, OvertakenError

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds. After the n-th attempt a random time up to twice the one before: contenders come apart, and stay apart."""


def write(root: Path, repository: Repository, request: Request) -> Result:
    """Write an image into its branch, or propose it.

    The commit is made of the arguments and the branch's tip alone, so that a run that dies at any point is simply run
    again: what was not pushed is nowhere, and what was pushed is found there.

    Args:
        root: the project's folder in a clone; its checkout is not touched.
        repository: its remote.
        request: what to promote.

    Raises:
        BootstrapError: nothing was promoted; the class says why, see ``bootstrap promote --help``.
    """
    watch, renderer = Watch(repository), Renderer(repository)
    answer = Answer(Pushed.MOVED, "")
    number = 0
    for number in attempts(request.attempts, request.seconds):
        edit = edit_at(repository, tip_of(repository, request.branch), request)
        branch = branch_of(request) if request.pull_request else request.branch
        result = Result(request=request, edit=edit, diff=diff(edit), branch=branch, attempts=number)
        if edit.nothing:
            return replace(result, branch=request.branch)
        check_environment(repository, edit, request)
        # what the source environment ran at the first look is promoted, whatever it runs by the next attempt
        request = _copied(repository, edit, request)
        head = repository.fetch(branch) if request.pull_request else None
        result = replace(result, request=request)
        if later := watch.check(edit, request) or (head and later_request(repository, edit, request, head)):
            return replace(result, overtaken=later)
        result = replace(result, unrendered=renderer.check(edit, request))
        if request.verify and number == 1:
            # of a pipeline's own push, whether the tag stands for its digest
            image = (tag_of(edit.after) if request.digest else None) or edit.after
            verify(repository_of(repository, edit, request), image, request.digest)
        if number == 1:
            check_signed(repository, edit, request)
        if request.dry_run:
            return result
        done, answer = _push(root, repository, result, head)
        if done is not None:
            return done
    raise OvertakenError(
        f"{request.branch} of {repository.url} moved on at each of {number} attempts, and nothing was promoted: "
        f"run this again ({answer.text})"
    )


def attempts(limit: int, seconds: float) -> Iterator[int]:
    """Count attempts, with a random pause between them, until one bound or the other is reached."""
    deadline = time.monotonic() + seconds
    for number in range(1, limit + 1):
        yield number
        pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(number, 10)))  # noqa: S311 - no secret
        if number == limit or time.monotonic() + pause > deadline:
            return
        time.sleep(pause)


def tip_of(repository: Repository, branch: str) -> str:
    """Return a branch's tip at the remote.

    Raises:
        GitError: there is no such branch, or it cannot be read.
    """
    tip = repository.fetch(branch)
    if tip is None:
        raise GitError(f"{repository.url} has no branch {branch}")
    return tip


def _copied(repository: Repository, edit: Edit, request: Request) -> Request:
    """Settle what a promotion of another environment's image copies: the image, and what its commit says of it."""
    if request.source is None:
        return replace(request, value=edit.after, path=edit.path)
    there_now = repository.files(edit.tip, apps_folder(repository.prefix))
    file = image_file(repository.prefix, there_now, request.app, request.source)
    there = setter(repository, edit.tip, file, edit.after)
    return replace(
        request,
        value=edit.after,
        path=edit.path,
        source=None,
        copied=there,
        copied_from=file,
        source_repository=request.source_repository or (there and there.source) or None,
        source_run=request.source_run or (there and there.run_url) or None,
    )


def _push(root: Path, repository: Repository, result: Result, head: str | None) -> tuple[Result | None, Answer]:
    """Push the change; no result where the branch moved meanwhile.

    Args:
        root: the project's folder in a clone.
        repository: where to push.
        result: the change.
        head: the tip of the pull request's branch, at which the rules were looked at.
    """
    edit, request = result.edit, result.request
    if request.pull_request:
        commit, pushed = propose(repository, edit, request, head)
    else:
        commit = repository.commit(edit.tip, edit.file, edit.mode, edit.new.encode(), request.message(edit))
        pushed = repository.push(commit, result.branch)
    answer = pushed or Answer(Pushed.ACCEPTED, "")
    if answer.outcome is Pushed.MOVED:
        return None, answer
    if answer.outcome is Pushed.REFUSED:
        raise GitError(f"{repository.url} refuses the push to {result.branch}: {explained(answer.text)}")
    if answer.outcome is Pushed.UNKNOWN and not _arrived(repository, result.branch, commit):
        raise GitError(f"the push to {result.branch} of {repository.url} failed: {answer.text}")
    done = replace(result, commit=commit if pushed else None, pushed=pushed is not None)
    if request.pull_request:
        address = open_request(root, repository.url, edit, request)
        hint = None if address else how_to_open(repository.url, request, pushed)
        done = replace(done, pull_request=address, hint=hint)
    return done, answer


def _arrived(repository: Repository, branch: str, commit: str) -> bool:
    tip = repository.fetch(branch)
    return tip is not None and repository.contains(tip, commit)
