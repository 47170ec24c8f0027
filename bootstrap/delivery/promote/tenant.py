"""What the platform says of an application, as it is at a branch's tip."""

from bootstrap.delivery.promote.git import Repository, text_of
from bootstrap.delivery.tenants import Tenant, TenantEnvironment, parse_tenant, tenant_file
from bootstrap.errors import GitOpsError, RefusedError


def tenant_of(repository: Repository, tip: str, app: str) -> Tenant | None:
    """Return an application's tenant file at a tip; None where there is none: the platform's half may be elsewhere.

    Raises:
        RefusedError: it cannot be read, and so nothing may pass.
    """
    file = tenant_file(repository.prefix, app)
    there = repository.files(tip, file).get(file)
    if there is None:
        return None
    try:
        return parse_tenant(text_of(repository, file, there), str(file))
    except (GitOpsError, RefusedError) as error:
        raise RefusedError(f"what {app} may have cannot be read: {error}") from None


def tenant_environment(repository: Repository, tip: str, app: str, environment: str) -> TenantEnvironment | None:
    """Return what an application's tenant file says of an environment at a tip.

    None where it is not in the environment, or has no file: the platform's half may be elsewhere.

    Raises:
        RefusedError: it cannot be read, and so nothing may pass.
    """
    tenant = tenant_of(repository, tip, app)
    return tenant.of(environment) if tenant is not None and environment in tenant.environments else None
