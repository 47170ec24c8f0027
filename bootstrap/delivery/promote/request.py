"""What is asked for, and what came of it."""

import math
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from bootstrap.delivery.gitops import NAME, NAMES
from bootstrap.delivery.promote.command import redact
from bootstrap.delivery.promote.history import ImageCommit
from bootstrap.delivery.promote.version import digest_of, is_digest, short
from bootstrap.delivery.promote.yaml_path import ScalarError, parse_path
from bootstrap.errors import BootstrapError, RefusedError

TAG, DIGEST = "image.tag", "image.digest"
ATTEMPTS, SECONDS = 100, 180.0


@dataclass(frozen=True, kw_only=True)
class Request:
    """One promotion."""

    app: str
    environment: str
    value: str | None = None
    """The image's tag or digest; None where it is what ``source`` runs."""
    source: str | None = None
    """The environment whose image is taken."""
    path: str | None = None
    """Where in the environment's file; None for that of the image's tag, or of its digest when the value is one."""
    remote: str = "origin"
    branch: str = "main"
    expect: str | None = None
    """The only value that may be replaced."""
    pull_request: bool = False
    """Whether the commit goes to a branch of its own, for people to merge."""
    allow_mutable: bool = False
    force_reverted: bool = False
    takes_back: str | None = None
    """The commit that brought in the image which a rollback takes back; None of a promotion."""
    dry_run: bool = False
    render: bool = True
    """Whether the change has to render before it is pushed."""
    verify: bool = False
    """Whether the registry is asked for the image."""
    source_repository: str | None = None
    source_run: str | None = None
    digest: str | None = None
    """The digest of the image that the tag was pushed with, which is written with the tag."""
    copied: ImageCommit | None = None
    """The commit that brought the image into the environment whose image is taken."""
    copied_from: PurePosixPath | None = None
    """That environment's file."""
    attempts: int = ATTEMPTS
    seconds: float = SECONDS
    """How long attempts go on when others push at the same time."""

    def check(self) -> None:
        """Refuse what contradicts itself.

        Raises:
            BootstrapError: the text says what does.
        """
        for what, name in (("an application", self.app), ("an environment", self.environment), ("--from", self.source)):
            # the subject of a commit, the name of a branch and a path are made of it
            if name and not NAME.fullmatch(name):
                raise RefusedError(f"got {name!r} for {what}; allowed: {NAMES}")
        if (self.value is None) == (self.source is None):
            raise BootstrapError("give an environment and a tag or digest, or --from and --to")
        if self.source == self.environment:
            raise BootstrapError(f"--from and --to are both {self.environment}")
        if self.digest is not None and not is_digest(self.digest):
            raise RefusedError(f"--digest: got {self.digest!r}; allowed: sha256:<64 hexadecimal digits>")
        if self.digest and self.value and (digest_of(self.value) or self.digest) != self.digest:
            raise RefusedError(
                f"--digest: got {self.digest}; allowed: {digest_of(self.value)}, which {self.value} names"
            )
        for option, text in (("--source-repository", self.source_repository), ("--source-run", self.source_run)):
            if text is not None and not (text.isprintable() and text.strip()):
                raise BootstrapError(f"{option}: allowed: one line of printable text")
        if self.attempts < 1:
            raise BootstrapError(f"--attempts: got {self.attempts}; allowed: a whole number above zero")
        if not (self.seconds > 0 and math.isfinite(self.seconds)):
            raise BootstrapError(f"--timeout: got {self.seconds:g}; allowed: a number of seconds above zero")
        if self.path is not None:
            try:
                parse_path(self.path)
            except ScalarError as error:
                raise RefusedError(f"--path: {error}") from None

    @property
    def title(self) -> str:
        """How the subject of every promotion to this environment begins."""
        return f"deploy: {self.app} {self.environment}"

    def subject(self, edit: "Edit") -> str:
        """Say in one line what a commit or a pull request does; a rollback in the words of `git revert`."""
        image = edit.after if self.takes_back is None else edit.before
        subject = f"{self.title} {short(image)}"
        return subject if self.takes_back is None else f'Revert "{subject}"'

    def message(self, edit: "Edit") -> str:
        """Return the commit's message.

        A promotion to the branch itself says [skip ci]: only Argo CD acts on it. A pull request's commit does not: the
        checks that the branch requires would never report, and the request could not be merged.
        """
        if self.takes_back is not None:
            return f"{self.subject(edit)}\n\nThis reverts commit {self.takes_back}, back to {edit.after}.\n"
        value = edit.after
        subject = self.subject(edit) + ("" if self.pull_request else " [skip ci]")
        trailers = {
            "Source-Repository": self.source_repository and redact(self.source_repository.strip()),
            "Source-Run": self.source_run and redact(self.source_run.strip()),
            "Image-Digest": digest_of(value) or self.digest or (self.copied and self.copied.digest),
        }
        lines = [f"{key}: {text}" for key, text in trailers.items() if text]
        return "\n".join([subject, *(["", *lines] if lines else []), ""])


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What changes in which file, at one tip of the branch."""

    tip: str
    file: PurePosixPath
    mode: str
    path: str
    before: str
    after: str
    old: str
    new: str
    """The whole file; the same as ``old`` where the value is there already."""

    @property
    def nothing(self) -> bool:
        """Whether the value is there already."""
        return self.old == self.new


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a promotion."""

    request: Request
    edit: Edit
    diff: str
    """The change to the file, as a unified diff; empty where there is none."""
    branch: str
    """The branch that has the value, or would."""
    commit: str | None = None
    """The commit that this run made; None where none was needed."""
    pushed: bool = False
    pull_request: str | None = None
    """The pull request's address."""
    attempts: int = 1
    hint: str | None = None
    """What is left to do by hand."""
    unrendered: str | None = None
    """Why it was not rendered; None where it was, or nothing changes."""
    overtaken: str | None = None
    """The later promotion for which nothing was done, in words."""

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read; keys are only ever added."""
        return {
            "app": self.request.app,
            "environment": self.request.environment,
            "path": self.edit.path,
            "before": self.edit.before,
            "after": self.edit.after,
            "commit": self.commit,
            "branch": self.branch,
            "pushed": self.pushed,
            "pullRequest": self.pull_request,
            "attempts": self.attempts,
            "file": str(self.edit.file),
            "diff": self.diff,
            "dryRun": self.request.dry_run,
            "unrendered": self.unrendered,
            "overtaken": self.overtaken is not None,
        }
