"""What ran in an environment, as Git remembers it, and the way back to it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from bootstrap.delivery.gitops import NAME, NOT_BUILT, app_folder, apps_folder, environment_of, image_file
from bootstrap.delivery.promote.attempts import tip_of
from bootstrap.delivery.promote.edit import environment_file, image_in, image_paths, running
from bootstrap.delivery.promote.environments import protected_by, read_environments
from bootstrap.delivery.promote.git import Repository, text_of
from bootstrap.delivery.promote.history import ImageCommit, log, takes_back
from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request, Result
from bootstrap.delivery.promote.version import same_image
from bootstrap.errors import RefusedError

_NOTHING = ("", NOT_BUILT)
"""What stands where no image runs."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """An image that an environment runs, or ran for a time."""

    app: str
    environment: str
    path: str
    """Where in the environment's file the image is said."""
    image: str
    """Its tag or digest."""
    since: ImageCommit
    """The commit that brought it in."""
    taken_back: bool
    """Whether a revert or a rollback took it out."""
    steps: int | None
    """The N of ``bootstrap rollback --to N``; 0 for what runs now, None for what no rollback goes to."""

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read; keys are only ever added."""
        return {
            "app": self.app,
            "environment": self.environment,
            "path": self.path,
            "image": self.image,
            "commit": self.since.commit,
            "since": self.since.date,
            "author": self.since.author,
            "subject": self.since.subject,
            "sourceRepository": self.since.source or None,
            "takenBack": self.taken_back,
            "steps": self.steps,
        }


def history(
    root: Path, app: str | None, environment: str | None, *, remote: str, branch: str, most: int
) -> list[Version]:
    """Return what runs everywhere, or what ran in one environment, the latest first.

    Args:
        root: the project's folder in a clone; its checkout is not touched.
        app: an application; None for all of them.
        environment: one of its environments, for everything that ran there; None for what runs now in all of them.
        remote: whose branch is read, by its name in the clone or its URL.
        branch: the branch that Argo CD follows.
        most: how many versions of one environment, at most.

    Raises:
        RefusedError: there is no such application, or it has no such environment.
        GitError: the branch cannot be read.
    """
    with Repository(root, remote) as repository:
        tip = tip_of(repository, branch)
        there = repository.files(tip, apps_folder(repository.prefix))
        if app is not None and environment is not None:
            file = environment_file(repository.prefix, there, app, environment)
            image_paths(text_of(repository, file, there[file]), file)  # tells where there are several
            return list(islice(_versions(repository, tip, file, app, environment), most))
        if app is not None and not any(app_folder(repository.prefix, app) in file.parents for file in there):
            environment_file(repository.prefix, there, app, "")  # tells which there are
        found = []
        for file in sorted(there):
            name, *rest = file.relative_to(apps_folder(repository.prefix)).parts
            env = environment_of(rest)
            # beside an overlay, values are read by nothing
            is_read = env is not None and file == image_file(repository.prefix, there, name, env)
            if env is not None and is_read and NAME.fullmatch(name) and app in (None, name):
                found += list(islice(_versions(repository, tip, file, name, env), 1))
        return found


def rollback(root: Path, request: Request, steps: int = 1) -> Result:
    """Go back to an image that ran in an environment before; by a pull request where the environment is protected.

    What was taken back is not gone back to, and the image that runs now counts as taken back afterwards: ``promote``
    refuses it until somebody lifts that.

    Args:
        root: the project's folder in a clone; its checkout is not touched.
        request: the application, the environment and how to write; no image.
        steps: how many images back.

    Raises:
        RefusedError: so many images never ran there.
        BootstrapError: nothing was written; see :func:`promote`.
    """
    with Repository(root, request.remote) as repository:
        tip = tip_of(repository, request.branch)
        there = repository.files(tip, apps_folder(repository.prefix))
        file = environment_file(repository.prefix, there, request.app, request.environment)
        image_paths(text_of(repository, file, there[file]), file)  # tells where there are several
        found = list(_versions(repository, tip, file, request.app, request.environment))
        by_steps = {version.steps: version for version in found if version.steps is not None}
        now, target = by_steps.get(0), by_steps.get(steps)
        if now is None or target is None:
            raise RefusedError(
                f"{file}: images to go back to: {max(by_steps, default=0)}; asked for: {steps} back. What a revert "
                f"took back does not count (`bootstrap history {request.app} {request.environment}`)"
            )
        rules = read_environments(repository, tip)
        protected = protected_by(repository, tip, rules, request.app, request.environment) is not None
    return promote(
        root,
        replace(
            request,
            value=target.image,
            path=target.path,
            expect=now.image,
            takes_back=now.since.commit,
            pull_request=request.pull_request or protected,
            # a tag that could be moved ran here: whether to trust it was decided then
            allow_mutable=True,
        ),
    )


def _versions(repository: Repository, tip: str, file: PurePosixPath, app: str, environment: str) -> Iterator[Version]:
    """Yield what ran in an environment, the latest first; nothing where nothing runs."""
    [content] = repository.contents(file, [tip])
    try:
        now, path = running((content or b"").decode(errors="replace"), file)
    except RefusedError:
        return
    states = list(_states(repository, tip, file, path))
    names = {image: next(first for _, first in states if same_image(first, image)) for _, image in states}
    now = names.get(now, now)
    brought: dict[str, list[ImageCommit]] = {}
    for entry, image in states:
        brought.setdefault(names[image], []).append(entry)
    ended: dict[str, ImageCommit] = {}
    for (later, _), (_, image) in pairwise(states):
        ended.setdefault(names[image], later)
    title = Request(app=app, environment=environment).title
    taken = {image for image, last in ended.items() if image != now and takes_back(last, brought[image], title, image)}
    others = [image for image in brought if image not in {now, *_NOTHING, *taken}]
    steps = {image: number for number, image in enumerate([now, *others])}
    for entry, image in states:
        if image not in _NOTHING:
            yield Version(
                app=app,
                environment=environment,
                path=path,
                image=image,
                since=entry,
                taken_back=names[image] in taken,
                steps=steps.pop(names[image], None),
            )


def _states(repository: Repository, tip: str, file: PurePosixPath, path: str) -> Iterator[tuple[ImageCommit, str]]:
    """Yield the commits of the branch that changed the image, the latest first, and what each made of it.

    A commit that only adds the digest to a tag changes no image, and what it wrote is how the image is written.
    """
    repository.need_history()
    commits = log(repository, tip, file, "--first-parent")
    images = [image_in(content, path) for content in repository.contents(file, [entry.commit for entry in commits])]
    latest: str | None = None
    for entry, image, before in zip(commits, images, [*images[1:], ""], strict=True):
        latest = image if latest is None else latest
        if not same_image(image, before):
            yield _merged_change(repository, entry, file), latest
            latest = None


def _merged_change(repository: Repository, entry: ImageCommit, file: PurePosixPath) -> ImageCommit:
    """Return the commit that says why: of a merge, the one that was merged."""
    if len(entry.parents) < 2:
        return entry
    merged = log(repository, f"{entry.parents[0]}..{entry.commit}", file, "--no-merges", "-1")
    return merged[0] if merged else entry
