"""Computes a promotion's change at one tip of the branch; nothing is written."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from application_sources import PLAIN_FOLDER
from bootstrap.delivery.gitops import (
    BASE,
    KUSTOMIZATIONS,
    apps_folder,
    environment_of,
    image_file,
    values_files,
)
from bootstrap.delivery.promote.git import File, Repository, text_of
from bootstrap.delivery.promote.request import DIGEST, TAG, Edit, Request
from bootstrap.delivery.promote.scalar import Scalar, find_scalar, replace_scalar
from bootstrap.delivery.promote.tenant import tenant_environment
from bootstrap.delivery.promote.version import check_version, digest_of, is_digest, pin, same_image
from bootstrap.delivery.promote.yaml_path import ScalarError, format_path, parse_path
from bootstrap.errors import RefusedError

TAGS = ("tag", "newTag")
"""Keys of an image's tag, in values and in Kustomize's file; a key ``digest`` beside it wins."""
_IMAGE_KEYS = ("name", "newName", "newTag", "digest")
_PLAIN_FILE = "100644"


def edit_at(repository: Repository, tip: str, request: Request) -> Edit:
    """Return the change that a request means at a tip.

    Raises:
        RefusedError: the application, the environment or the path is not there, or the value may not be promoted.
    """
    there = repository.files(tip, apps_folder(repository.prefix))
    file, first = _target(repository, tip, there, request)
    old = "" if first else text_of(repository, file, there[file])
    value, path = request.value, request.path
    if value is None:
        source = environment_file(repository.prefix, there, request.app, request.source or "")
        value, path = running(text_of(repository, source, there[source]), source, path)
    value = pin(value, request.digest)
    path = path or image_paths(old, file)[0 if is_digest(value) else 1]
    check_version(value, allow_mutable=request.allow_mutable)
    if digest_of(value) and parse_path(path)[-1] in TAGS:
        beside = scalar_at(old, _beside(path, "digest"))
        if beside and beside.value:
            # a digest there wins over whatever the tag says
            path, value = _beside(path, "digest"), str(digest_of(value))
    text = _first(request.environment, path) if first else old
    try:
        found = find_scalar(text, parse_path(path))
        same = found.text and (found.value == value or (digest_of(value) is None and same_image(found.value, value)))
        new = text if same else replace_scalar(text, parse_path(path), value)
    except ScalarError as error:
        raise RefusedError(f"{file}: {error}") from None
    if parse_path(path)[-1] in TAGS and not same:
        _refuse_digest(repository, there, file, old, _beside(path, "digest"))
    mode = _PLAIN_FILE if first else there[file].mode
    return Edit(tip=tip, file=file, mode=mode, path=path, before=found.value, after=value, old=old, new=new)


def _target(
    repository: Repository, tip: str, there: Mapping[PurePosixPath, File], request: Request
) -> tuple[PurePosixPath, bool]:
    """Return the file to change, and whether it is the first promotion that makes it."""
    file = image_file(repository.prefix, there, request.app, request.environment)
    is_new = file not in there and file.with_name(BASE) in there
    if is_new and tenant_environment(repository, tip, request.app, request.environment) is not None:
        return file, True
    return environment_file(repository.prefix, there, request.app, request.environment), False


def _first(environment: str, path: str) -> str:
    """Return an environment's first file, with an empty value at a path."""
    *parents, last = parse_path(path)
    if any(isinstance(step, int) for step in (*parents, last)):
        raise RefusedError(f"--path: got {path!r}; allowed in a file that is not there yet: keys of mappings")
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(parents)]
    return "\n".join([f"# What {environment} differs in.", *lines, f'{"  " * len(parents)}{last}: ""', ""])


def _refuse_digest(
    repository: Repository, there: Mapping[PurePosixPath, File], file: PurePosixPath, text: str, path: str
) -> None:
    """Refuse a tag that nothing would come of, as a digest beside it, or in the base, wins over it."""
    where, digest = file, scalar_at(text, path)
    base = file.with_name(BASE)
    # an empty digest in the environment's file takes the base's away
    if digest is None and base in there:
        where, digest = base, scalar_at(text_of(repository, base, there[base]), path)
    if digest and digest.value:
        raise RefusedError(f"{where} has {path} too, and a digest wins over a tag: promote the digest, or remove it")


def diff(edit: Edit) -> str:
    """Return the change as a unified diff."""
    lines = difflib.unified_diff(
        edit.old.splitlines(), edit.new.splitlines(), f"a/{edit.file}", f"b/{edit.file}", lineterm=""
    )
    return "\n".join(lines)


def repository_of(repository: Repository, edit: Edit, request: Request) -> str:
    """Return the image's name in its registry, as Helm would read it beside the value's path.

    Raises:
        RefusedError: neither the environment's file nor the base has one.
    """
    base, _ = values_files(repository.prefix, request.app, request.environment)
    texts = [edit.old]
    if edit.file.name in KUSTOMIZATIONS:
        # what it is called before, if it has no other name
        name = _effective(texts, _beside(edit.path, "newName")) or _effective(texts, _beside(edit.path, "name"))
    else:
        there = repository.files(edit.tip, edit.file.parent)
        texts += [text_of(repository, base, there[base])] if base in there else []
        name = _effective(texts, _beside(edit.path, "repository"))
    if not name:
        raise RefusedError(
            f"--verify: {_beside(edit.path, 'repository')} is in neither {edit.file} nor {base.name}, so that no "
            "registry can be asked"
        )
    # Bitnami's and many other charts keep the registry by itself
    registry = _effective(texts, _beside(edit.path, "registry"))
    return f"{registry}/{name}" if registry else name


def environment_file(prefix: PurePosixPath, there: Collection[PurePosixPath], app: str, env: str) -> PurePosixPath:
    """Return an environment's file.

    Args:
        prefix: where the project is in the tree.
        there: the files of all applications.
        app: the application.
        env: the environment.

    Raises:
        RefusedError: there is no such application, or it has no such environment; the text lists those that exist.
    """
    folder = apps_folder(prefix)
    apps: dict[str, set[str]] = {}
    for name, *rest in (path.relative_to(folder).parts for path in there):
        found = environment_of(rest)
        if rest:
            apps.setdefault(name, set()).update([found] if found else [])
    if app not in apps:
        raise RefusedError(f"there is no application {app!r} in {folder}: {_offer(app, apps)}")
    if not apps[app] and any(path.is_relative_to(folder / app / PLAIN_FOLDER) for path in there):
        raise RefusedError(
            f"{app} has plain manifests, and no file that says the image of {env or 'an environment'}: commit it to "
            f"{folder / app / PLAIN_FOLDER}, or use Kustomize, whose images can be promoted (`manifests: kustomize`)"
        )
    if env not in apps[app]:
        raise RefusedError(f"{app} has no environment {env!r} in {folder / app}: {_offer(env, apps[app])}")
    return image_file(prefix, there, app, env)


def image_paths(text: str, file: PurePosixPath) -> tuple[str, str]:
    """Return where a file says its image's digest and tag, as a rule.

    https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/images/

    Args:
        text: the file's.
        file: what a message names; by its name it is Kustomize's or has values.

    Raises:
        RefusedError: Kustomize's has no image, or several.
    """
    if file.name not in KUSTOMIZATIONS:
        return DIGEST, TAG
    count = 0
    while any(scalar_at(text, f"images[{count}].{key}") for key in _IMAGE_KEYS):
        count += 1
    if count == 0:
        example = '`images: [{name: example.azurecr.io/shop, newTag: ""}]`'
        raise RefusedError(f"{file} names no image: add it once by hand, such as {example}")
    if count > 1:
        raise RefusedError(f"{file} has {count} images: say which, such as --path images[0].newTag")
    return "images[0].digest", "images[0].newTag"


def running(text: str, file: PurePosixPath, path: str | None = None) -> tuple[str, str]:
    """Return the image that an environment runs, and the path that says it.

    Args:
        text: the environment's file.
        file: what a message names.
        path: where the image is said; None for its digest, or its tag where there is none.

    Raises:
        RefusedError: it runs nothing yet.
    """
    candidates = [path] if path else image_paths(text, file)
    for candidate in candidates:
        found = scalar_at(text, candidate)
        if found and found.value:
            return found.value, candidate
    raise RefusedError(f"{file} runs nothing yet: it has no value at {' or '.join(candidates)}")


def scalar_at(text: str, path: str) -> Scalar | None:
    """Return the value at a path; None where there is none, or the text is no YAML."""
    try:
        return find_scalar(text, parse_path(path))
    except ScalarError:
        return None


def image_in(content: bytes | None, path: str) -> str:
    """Return the image that a version of a file has at a path; empty where it has none, or was no YAML."""
    found = scalar_at((content or b"").decode(errors="replace"), path)
    return found.value if found else ""


def _effective(texts: list[str], path: str) -> str | None:
    found = (scalar_at(text, path) for text in texts)
    return next((scalar.value for scalar in found if scalar and scalar.value), None)


def _beside(path: str, key: str) -> str:
    return format_path([*parse_path(path)[:-1], key])


def _offer(name: str, known: Iterable[str] | Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}there: {', '.join(sorted(known)) or 'none'}"
