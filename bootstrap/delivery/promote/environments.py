"""What an environment asks of a promotion: a pull request, and an image that ran in the environment before it.

``gitops/overlay.yaml`` says it for all applications and ``tenants/<app>.yaml`` for one, as they are at the branch's
tip: the clone that a pipeline calls us from may be older.
"""

import re
from pathlib import PurePosixPath

from bootstrap.delivery.gitops import apps_folder, image_file
from bootstrap.delivery.overlay.rules import FILE, RulesFile, parse_file
from bootstrap.delivery.promote.edit import image_in
from bootstrap.delivery.promote.git import Repository, text_of
from bootstrap.delivery.promote.history import image_commits, near_first
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.delivery.promote.tenant import tenant_environment
from bootstrap.delivery.promote.version import same_image, spellings
from bootstrap.delivery.tenants import tenant_file
from bootstrap.errors import GitOpsError, RefusedError
from conventions import IMAGE_DIGEST


def read_environments(repository: Repository, tip: str) -> RulesFile:
    """Return the rules at a tip; none where there is no file.

    Raises:
        RefusedError: they cannot be read, and so nothing may pass.
    """
    file = repository.prefix / FILE
    there = repository.files(tip, file).get(file)
    try:
        return parse_file(text_of(repository, file, there) if there else "")
    except GitOpsError as error:
        raise RefusedError(f"what environments ask for cannot be read: {error}") from None


def protected_by(
    repository: Repository, tip: str, rules: RulesFile, app: str, environment: str
) -> PurePosixPath | None:
    """Return the file that asks for pull requests to an application's environment; None where none does.

    Args:
        repository: where the files are.
        tip: the commit that counts.
        rules: those of all applications there.
        app: the application.
        environment: its environment.

    Raises:
        RefusedError: the tenant's file cannot be read.
    """
    if environment in rules.protected:
        return repository.prefix / FILE
    own = tenant_environment(repository, tip, app, environment)
    return tenant_file(repository.prefix, app) if own is not None and own.protected else None


def check_environment(repository: Repository, edit: Edit, request: Request) -> None:
    """Let a change pass, or say what its environment asks for.

    Raises:
        RefusedError: the environment is protected and the change would be pushed to the branch itself; or it runs
            images by digest only, and the change names none; or the environment that it follows never ran the image;
            or the rules cannot be read.
    """
    rules, file = read_environments(repository, edit.tip), repository.prefix / FILE
    protecting = protected_by(repository, edit.tip, rules, request.app, request.environment)
    if protecting and not request.pull_request:
        raise RefusedError(
            f"{request.environment} is protected ({protecting}): people merge what goes there. Pass --pull-request"
        )
    own = tenant_environment(repository, edit.tip, request.app, request.environment)
    # a digest alone stands in a value of its own
    if own is not None and own.digests and not re.search(IMAGE_DIGEST, f"@{edit.after}"):
        asking = tenant_file(repository.prefix, request.app)
        raise RefusedError(
            f"{edit.after} names no digest, and {request.environment} runs no image without one ({asking})"
            + ("" if request.takes_back else ": say --digest too")
        )
    earlier = rules.follows.get(request.environment)
    # a rollback goes to what ran in the environment itself
    if earlier is None or request.takes_back is not None or _ran(repository, edit, request.app, earlier):
        return
    raise RefusedError(
        f"{edit.after} never ran in {earlier}, which {request.environment} follows ({file}): promote it there first"
    )


def _ran(repository: Repository, edit: Edit, app: str, environment: str) -> bool:
    """Whether an environment's file ever had the image; an application that is not there has nothing to wait for."""
    there = repository.files(edit.tip, apps_folder(repository.prefix))
    file = image_file(repository.prefix, there, app, environment)
    [now] = repository.contents(file, [edit.tip])
    if now is None:
        # a tenant that is in the environment is to run there, and has not yet
        return tenant_environment(repository, edit.tip, app, environment) is None
    if same_image(image_in(now, edit.path), edit.after):
        return True
    for since in near_first(repository, edit.tip):
        # a comment that names an image does not run it
        commits = [
            entry.commit for entry in image_commits(repository, edit.tip, file, spellings(edit.after), since=since)
        ]
        contents = repository.contents(file, commits)
        if any(same_image(image_in(content, edit.path), edit.after) for content in contents):
            return True
    return False
