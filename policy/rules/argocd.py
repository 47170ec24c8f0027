"""Rules about Argo CD: who gets in, and what its root may do."""

from collections.abc import Iterator, Mapping

from policy.resource import Resource, flag
from policy.rule import rule

_RELEASE = "kubernetes:helm.sh/v3:Release"
_DOCS = "https://argo-cd.readthedocs.io/en/stable/operator-manual"


def _is_argo_cd(release: Resource) -> bool:
    # a locked chart has its digest behind the name: oci://…/argo-cd@sha256:…
    place = str(release.get("chart") or "").partition("@")[0]
    return place.rstrip("/").rsplit("/", 1)[-1] == "argo-cd"


@rule(
    "argocd-no-admin", "Argo CD has no user with a password.", f"{_DOCS}/user-management/#disable-admin-user", _RELEASE
)
def no_admin(release: Resource) -> Iterator[str]:
    """As settings/production.py has it."""
    # a key with a dot in it is no path
    given = (release.get("values.configs.cm") or {}).get("admin.enabled")
    if _is_argo_cd(release) and (given is None or flag(given)):
        yield f'values.configs.cm."admin.enabled": got {given}; allowed: false'


@rule(
    "argocd-default-role",
    "Who signs in to Argo CD is no administrator because of that.",
    f"{_DOCS}/rbac/#default-policy-for-authenticated-users",
    _RELEASE,
)
def default_role(release: Resource) -> Iterator[str]:
    """As settings/production.py has it."""
    given = (release.get("values.configs.rbac") or {}).get("policy.default")
    if _is_argo_cd(release) and given not in (None, "", "role:readonly"):
        yield f"values.configs.rbac.\"policy.default\": got {given}; allowed: '', role:readonly"


@rule(
    "argocd-projects",
    "A project names its repositories, and may make nothing that is the cluster's but namespaces that are named.",
    f"{_DOCS}/declarative-setup/#projects",
    "kubernetes:argoproj.io/v1alpha1:AppProject",
)
def projects(project: Resource) -> Iterator[str]:
    """A namespace by the beginning of its name is named; docs/decisions/0017-rights-of-applications.md."""
    for path in ("spec.sourceRepos", "spec.destinations", "spec.namespaceResourceWhitelist"):
        items = project.get(path) or []
        if any("*" in (item.values() if isinstance(item, Mapping) else [item]) for item in items):
            yield f"{path}: got '*'; allowed: names"
    for index, kind in enumerate(project.get("spec.clusterResourceWhitelist") or []):
        if kind.get("kind") != "Namespace" or kind.get("name") in (None, "", "*"):
            given = " ".join(filter(None, (kind.get("kind"), kind.get("name"))))
            yield f"spec.clusterResourceWhitelist[{index}]: got {given}; allowed: Namespace with a name"
