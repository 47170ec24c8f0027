"""What the platform says of an application, as it is at a branch's tip."""

from pathlib import PurePosixPath

from bootstrap.delivery.promote.git import File, Repository
from bootstrap.delivery.tenants import Tenant, parse_tenant, tenant_file
from bootstrap.errors import GitOpsError, RefusedError


def tenant_at(repository: Repository, tip: str, app: str) -> Tenant | None:
    """Return an application's tenant file at a tip; None where it has none, as with the platform's half elsewhere.

    Raises:
        RefusedError: it cannot be read, and so nothing may pass.
    """
    file = tenant_file(repository.prefix, app)
    there = repository.files(tip, file).get(file)
    if there is None:
        return None
    try:
        return parse_tenant(_text(repository, file, there), str(file))
    except (GitOpsError, UnicodeDecodeError) as error:
        raise RefusedError(f"what {app} may have cannot be read: {error}") from None


def _text(repository: Repository, path: PurePosixPath, file: File) -> str:
    if not file.mode.startswith("100"):
        raise GitOpsError(f"{path} is not a plain file")
    return repository.content(file.blob).decode()
