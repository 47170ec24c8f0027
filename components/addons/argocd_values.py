"""Argo CD's chart values, from the settings: pure, so that they are tested without Pulumi."""

from collections.abc import Mapping
from typing import Any

import pulumi
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from components.addons.commit_status import CommitStatus, notifications_values
from components.addons.placement import LINUX, PREFER_SYSTEM_POOL, SYSTEM_POOL_EXPRESSION, SYSTEM_POOL_TOLERATIONS
from components.addons.working_tree import repo_server_values
from conventions import INGRESS_CLASS
from settings.addon_requests import (
    ARGO_CD_CONTROLLER,
    ARGO_CD_REPO_SERVER,
    ARGO_CD_SERVER,
    HAPROXY,
    REDIS,
    SMALL,
    WATCHER,
)
from settings.addons import ArgoCd, EntraSignIn
from settings.merge import merge
from settings.types import Issuer

APPLICATION_HEALTH = """\
local health = { status = "Progressing", message = "not compared with its spec yet" }
local status = obj.status
if status == nil or status.sync == nil then
  return health
end

-- A verdict counts only when what was compared is what the spec asks: after a change of the spec, the old verdict
-- stands in the status until the controller has looked again.
-- What was compared has been through Argo CD's own types, where an empty field and one left out are the same.
local function blank(value)
  if type(value) ~= "table" then
    return value == nil or value == false or value == "" or value == 0
  end
  for _, inner in pairs(value) do
    if not blank(inner) then
      return false
    end
  end
  return true
end

local function equal(left, right)
  if blank(left) and blank(right) then
    return true
  end
  if type(left) ~= "table" or type(right) ~= "table" then
    return left == right
  end
  for key, value in pairs(left) do
    if not equal(value, right[key]) then
      return false
    end
  end
  for key, value in pairs(right) do
    if left[key] == nil and not blank(value) then
      return false
    end
  end
  return true
end

local compared = status.sync.comparedTo or {}
if not (equal(compared.source, obj.spec.source)
    and equal(compared.sources, obj.spec.sources)
    and equal(compared.destination, obj.spec.destination)) then
  return health
end

if status.health ~= nil and status.health.status == "Degraded" then
  return { status = "Degraded", message = status.health.message or "" }
end
-- Missing resources do not count in the health of an application; that it is synced says that none is missing.
if status.sync.status ~= "Synced" then
  health.message = "not synced: " .. (status.sync.status or "unknown")
  return health
end
if status.health ~= nil and status.health.status ~= nil then
  health.status = status.health.status
  health.message = status.health.message or ""
end
return health
"""
"""Health of a child Application, so that the root is green only when its children are.

Argo CD dropped this check in 1.8, and the one that its documentation gives trusts a stale verdict after a change of the
spec. https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#argocd-app
"""


_NO_TOKEN: dict[str, Any] = {
    "automountServiceAccountToken": False,
    "serviceAccount": {"automountServiceAccountToken": False},
}
"""Keeps the API server's token out of a pod that never asks it: Redis, and the repo-server, which runs tenants' charts.

The repo-server has no client of Kubernetes. What workload identity mounts is another token, by its webhook.
https://github.com/argoproj/argo-cd/blob/v3.4.4/cmd/argocd-repo-server/commands/argocd_repo_server.go
"""

_AT_ONCE = {"timeout.reconciliation": "15s", "timeout.reconciliation.jitter": "0s"}
"""How often the working tree is compared with the cluster: reading it costs nothing.

https://argo-cd.readthedocs.io/en/stable/operator-manual/argocd-cm-yaml/
"""


def values(
    settings: ArgoCd,
    *,
    host: str,
    issuer: Issuer | None,
    keep_crds: bool,
    tenant_id: str | None,
    repository_client_id: pulumi.Input[str] | None = None,
    commit_status: CommitStatus | None = None,
    middleware: str | None = None,
    working_tree: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the chart's values.

    Args:
        settings: the stack's.
        host: host name of the page.
        issuer: ClusterIssuer of a certificate of its own; None where the proxies' default one covers the host.
        keep_crds: leave the CRDs, and so every Application, when the release is removed.
        tenant_id: Entra tenant; None on a local cluster.
        repository_client_id: client id of the identity that reads repositories, where one needs it.
        commit_status: what is reported at commits; None for nothing, and no notifications controller.
        middleware: what its Ingress passes first, as Traefik names it; None for nothing.
        working_tree: files that stand for the repository, text by path.
    """
    replicas = 2 if settings.high_availability else 1
    budget = {"enabled": settings.high_availability, "minAvailable": 1}
    metrics = {"metrics": {"enabled": True}}
    serving = {"replicas": replicas, "pdb": budget if settings.high_availability else {"enabled": False}, **metrics}
    server: dict[str, Any] = {
        **serving,
        "resources": ARGO_CD_SERVER.resources,
        "ingress": {
            "enabled": True,
            "ingressClassName": INGRESS_CLASS,
            "hostname": host,
            "annotations": {
                **({"cert-manager.io/cluster-issuer": issuer.value} if issuer is not None else {}),
                **({"traefik.ingress.kubernetes.io/router.middlewares": middleware} if middleware else {}),
            },
            # without, the proxies serve their default certificate
            "tls": issuer is not None,
        },
    }
    repo_server: dict[str, Any] = {
        **serving,
        "resources": ARGO_CD_REPO_SERVER.resources,
        "copyutil": {"resources": SMALL.resources},
        **_NO_TOKEN,
    }
    if settings.sign_in is not None:
        server = merge(server, _signed_in_as(settings.sign_in.application_client_id))
    if repository_client_id is not None:
        repo_server = merge(repo_server, _signed_in_as(repository_client_id))
    if working_tree is not None:
        repo_server |= repo_server_values(working_tree)
    if any(repository.registry for repository in settings.repositories):
        # a registry may refuse tokens of the resource manager, which Argo CD asks for unless told
        # https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#azure-container-registryazure-repos-using-azure-workload-identity
        repo_server["env"] = [{"name": "AZURE_ARM_TOKEN_RESOURCE", "value": "https://containerregistry.azure.net"}]
    return {
        # names as Argo CD's own documents have them: argocd-server, argocd-repo-server
        "fullnameOverride": "argocd",
        "global": {
            "domain": host,
            "tolerations": SYSTEM_POOL_TOLERATIONS,
            "nodeSelector": LINUX,
            # beside the chart's own spread over nodes
            "affinity": {"nodeAffinity": {"type": "soft", "matchExpressions": [SYSTEM_POOL_EXPRESSION]}},
        },
        "crds": {"install": True, "keep": keep_crds},
        "configs": {
            # the ingress controller ends TLS; the page itself speaks plain HTTP inside the cluster
            "params": {"server.insecure": True},
            "cm": {**_configuration(settings, host, tenant_id), **(_AT_ONCE if working_tree is not None else {})},
            "rbac": rbac(settings),
            **known_hosts(settings),
        },
        "controller": {"replicas": 1, "resources": ARGO_CD_CONTROLLER.resources, **metrics},
        "server": server,
        "repoServer": repo_server,
        "applicationSet": {**serving, "resources": WATCHER.resources},
        "notifications": {
            "enabled": commit_status is not None,
            **metrics,
            "resources": WATCHER.resources,
            **(notifications_values(commit_status) if commit_status is not None else {}),
        },
        "redis": {"resources": REDIS.resources, **_NO_TOKEN},
        "redisSecretInit": {"resources": SMALL.resources},
        "dex": {"enabled": False},
        "redis-ha": _redis_ha() if settings.high_availability else {"enabled": False},
    }


def _redis_ha() -> dict[str, Any]:
    """Return the values of the quorum of three: Redis and Sentinel, each on a node of its own, behind three proxies.

    https://github.com/DandyDeveloper/charts/tree/master/charts/redis-ha
    """
    budget = {"maxUnavailable": 1}
    small = {"resources": SMALL.resources}
    return {
        "enabled": True,
        # both the servers and the proxies
        "nodeSelector": LINUX,
        "tolerations": SYSTEM_POOL_TOLERATIONS,
        "additionalAffinities": PREFER_SYSTEM_POOL,
        "topologySpreadConstraints": {"enabled": True},
        "podDisruptionBudget": budget,
        "redis": {"resources": REDIS.resources},
        "sentinel": small,
        "splitBrainDetection": small,
        "init": small,
        "haproxy": {
            "tolerations": SYSTEM_POOL_TOLERATIONS,
            "additionalAffinities": PREFER_SYSTEM_POOL,
            "podDisruptionBudget": budget,
            "resources": HAPROXY.resources,
            "init": small,
            "serviceAccount": {"automountToken": False},
        },
    }


def rbac(settings: ArgoCd) -> dict[str, str]:
    """Return who may do what: argocd-rbac-cm. https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/."""
    lines = list(settings.policies)
    if settings.sign_in is not None:
        lines += [f"g, {group}, role:admin" for group in settings.sign_in.admin_groups]
        lines += [f"g, {group}, role:readonly" for group in settings.sign_in.readonly_groups]
    return {
        "policy.default": settings.default_role,
        "policy.csv": "\n".join(lines) + ("\n" if lines else ""),
        "scopes": "[groups]",
    }


def known_hosts(settings: ArgoCd) -> dict[str, Any]:
    """Return the keys of SSH servers that stand beside the chart's own: argocd-ssh-known-hosts-cm."""
    lines = settings.ssh_known_hosts
    return {"ssh": {"extraHosts": "".join(f"{line}\n" for line in lines)}} if lines else {}


def _configuration(settings: ArgoCd, host: str, tenant_id: str | None) -> dict[str, Any]:
    configuration: dict[str, Any] = {
        "url": f"https://{host}",
        "admin.enabled": settings.admin_enabled,
        # both are the defaults: somebody with no account, and a shell in a tenant's pod
        "users.anonymous.enabled": False,
        "exec.enabled": False,
        # labels are shared with Helm, annotations are Argo CD's own
        "application.resourceTrackingMethod": "annotation",
        "resource.customizations.health.argoproj.io_Application": APPLICATION_HEALTH,
        # applications are applied with rights of their own, which the projects name
        "application.sync.impersonation.enabled": True,
    }
    if settings.sign_in is not None and tenant_id is not None:
        configuration["oidc.config"] = _oidc(settings.sign_in, tenant_id)
    return configuration


def _oidc(sign_in: EntraSignIn, tenant_id: str) -> str:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/user-management/microsoft/#entra-id-app-registration-auth-using-oidc."""
    text, yaml = StringIO(), YAML()
    yaml.width = 200
    yaml.dump(
        {
            "name": "Entra ID",
            "issuer": f"https://login.microsoftonline.com/{tenant_id}/v2.0",
            "clientID": sign_in.application_client_id,
            "azure": {"useWorkloadIdentity": True},
            "requestedScopes": ["openid", "profile", "email"],
            "requestedIDTokenClaims": {"groups": {"essential": True}},
        },
        text,
    )
    return str(text.getvalue())


def _signed_in_as(client_id: pulumi.Input[str]) -> dict[str, Any]:
    return {
        "podLabels": {"azure.workload.identity/use": "true"},
        "serviceAccount": {"annotations": {"azure.workload.identity/client-id": client_id}},
    }
