"""Which images an environment has run, as Git remembers them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootstrap.delivery.gitops import NOT_BUILT
from bootstrap.delivery.manifests import load_all
from bootstrap.delivery.overlay.findings import Finding, Rule
from bootstrap.delivery.overlay.paths import lookup
from bootstrap.delivery.overlay.rules import Rules
from bootstrap.delivery.overlay.values import Values
from bootstrap.errors import GitOpsError, RevisionError
from bootstrap.revision import commit_of, git, git_bytes, read_batch

IMAGE_PATHS = (("image", "digest"), ("image", "tag"))
"""Where an image is said; the first that stands in the file counts."""


def never_ran(root: Path, values: Values, rules: Rules, revision: str) -> Iterator[Finding]:
    """Yield environments whose image never was in the file of the environment that they follow.

    Raises:
        RevisionError: the revision, or the whole history, cannot be read.
    """
    for later, earlier in rules.follows.items():
        if later not in values.layers or earlier not in values.layers:
            continue
        layer = values.layers[later]
        path, image = _image(layer.data)
        if image is None or image == NOT_BUILT:
            continue
        if image in _history(root, values.layers[earlier].path, revision, image):
            continue
        yield Finding(
            rule=Rule.NEVER_RAN,
            app=values.app,
            environments=(later,),
            path=path,
            files=(layer.shown,),
            message=f"{image} never ran in {earlier}, by the history of {values.layers[earlier].shown}",
        )


def _image(data: dict[str, Any]) -> tuple[tuple[str, ...], str | None]:
    for path in IMAGE_PATHS:
        value = lookup(data, path)
        if isinstance(value, str | int) and value != "":
            return path, str(value)
    return IMAGE_PATHS[-1], None


def _history(root: Path, file: Path, revision: str, wanted: str) -> Iterator[str]:
    """Yield the image of every version of a file that names the wanted one anywhere, newest first."""
    try:
        commit = commit_of(root, revision)
    except RevisionError as error:
        raise RevisionError(f"{error}: what ran before cannot be determined") from None
    if git(root, "rev-parse", "--is-shallow-repository") == "true":
        raise RevisionError(
            "this clone has no history, so what ran before cannot be determined: fetch all of it "
            "(`git fetch --unshallow`; fetch-depth: 0 in a workflow)"
        )
    name = file.relative_to(root).as_posix()
    commits = git(root, "log", "--format=%H", commit, "--", name).split()
    prefix = git(root, "rev-parse", "--show-prefix")
    answer = git_bytes(root, "cat-file", "--batch", given="".join(f"{one}:{prefix}{name}\n" for one in commits))
    for content in read_batch(answer):
        text = (content or b"").decode("utf-8", errors="replace")
        if wanted in text:
            try:
                documents = load_all(text, name)
            except GitOpsError:
                # it was never deployed like that
                continue
            image = _image(documents[0])[1] if documents and isinstance(documents[0], dict) else None
            if image is not None:
                yield image
