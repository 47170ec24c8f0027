"""Argo CD Image Updater, which writes to Git and may change nothing that runs.

Its other mode patches the live Application. That needs a right that it does not have here, so an ImageUpdater object
that asks for it is refused by the API server, whoever wrote it. In Argo CD's namespace it may read, for it needs the
Applications and the credentials to push with, and records what it did in its own objects. It has a namespace
of its own for its lease.
https://argocd-image-updater.readthedocs.io/en/stable/basics/update-methods/
"""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.addons.charts import IMAGE_UPDATER
from components.addons.kubernetes_role import bound_role
from components.addons.placement import PLACEMENT
from components.platform import RegistrySignIn
from components.release.release import Release, ReleaseArgs
from components.release.supply import Supply
from conventions import IMAGE_UPDATER_GROUP as GROUP
from settings.addon_requests import WATCHER
from settings.addons import Charts
from settings.merge import merge

NAMESPACE = IMAGE_UPDATER.namespace
SERVICE_ACCOUNT = "argocd-image-updater"

# no [skip ci]: a pull request's check would be skipped by it too
_COMMIT_MESSAGE = "deploy: {{ .AppName }}{{ range .AppChanges }} {{ .NewTag }}{{ end }}"
_READ = ["get", "list", "watch"]

# Entra's token of the pod is exchanged for the registry's own, which the updater takes as user and password.
# https://learn.microsoft.com/azure/container-registry/container-registry-authentication
# https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
SIGN_IN = r"""#!/bin/sh
set -eu
field() { sed -n 's/.*"'"$1"'" *: *"\([^"]*\)".*/\1/p'; }
assertion=$(cat "$AZURE_FEDERATED_TOKEN_FILE")
bearer='urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer'
asked="grant_type=client_credentials&client_id=$AZURE_CLIENT_ID"
asked="$asked&client_assertion_type=$bearer&client_assertion=$assertion"
asked="$asked&scope=https%3A%2F%2Fcontainerregistry.azure.net%2F.default"
entra=$(wget -q -O - --post-data "$asked" "${AZURE_AUTHORITY_HOST}${AZURE_TENANT_ID}/oauth2/v2.0/token" \
  | field access_token)
asked="grant_type=access_token&service=$REGISTRY_HOST&access_token=$entra"
token=$(wget -q -O - --post-data "$asked" "https://$REGISTRY_HOST/oauth2/exchange" | field refresh_token)
test -n "$token"
echo "00000000-0000-0000-0000-000000000000:$token"
"""


@dataclass(frozen=True, kw_only=True)
class ImageUpdaterArgs:
    """Inputs of Image Updater."""

    access: ClusterAccess
    charts: Charts
    supply: Supply
    argocd: Release
    """Argo CD's release: in its namespace are the Applications, and the credentials to push with."""
    argocd_namespace: str
    """That namespace's name."""
    secret: str | None = None
    """Secret in Argo CD's namespace to push with; None for Argo CD's own credentials of repositories."""
    registry: RegistrySignIn | None = None
    """None where registries are public, or are set in ``charts.imageUpdater.values``."""


class ImageUpdater(Addon):
    """A role that reads Applications and cannot change them, then the release."""

    def __init__(self, name: str, args: ImageUpdaterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install Image Updater."""
        super().__init__("aks-bootstrap:image_updater:ImageUpdater", name, opts)
        binding = bound_role(
            name,
            ObjectMetaArgs(name=SERVICE_ACCOUNT, namespace=args.argocd.namespace),
            rules(args.secret),
            account=SERVICE_ACCOUNT,
            account_namespace=NAMESPACE,
            opts=pulumi.ResourceOptions(parent=self),
        )
        Release(
            name,
            ReleaseArgs(
                access=args.access,
                chart=IMAGE_UPDATER,
                charts=args.charts,
                supply=args.supply,
                values=values(args.registry, args.argocd_namespace, keep_crds=args.charts.keep_crds),
                needs=self.needs,
            ),
            # it is ready once it has read the Applications: their kind and its rights come first
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.argocd.ready, binding]),
        )
        self.register_outputs({})


def rules(secret: str | None) -> list[PolicyRuleArgs]:
    """Return what it may do in Argo CD's namespace: the chart's own rules without any that changes an Application.

    Args:
        secret: what it pushes with; None for Argo CD's credentials, which its client lists and watches by their label,
            with Argo CD's settings, the first time that it needs one.
            https://github.com/argoproj-labs/argocd-image-updater/blob/v1.2.2/pkg/argocd/gitcreds.go
    """
    credentials = (
        PolicyRuleArgs(api_groups=[""], resources=["secrets", "configmaps"], verbs=_READ)
        if secret is None
        else PolicyRuleArgs(api_groups=[""], resources=["secrets"], resource_names=[secret], verbs=["get"])
    )
    return [
        PolicyRuleArgs(api_groups=["argoproj.io"], resources=["applications"], verbs=_READ),
        PolicyRuleArgs(api_groups=[GROUP], resources=["imageupdaters"], verbs=[*_READ, "update", "patch"]),
        PolicyRuleArgs(
            api_groups=[GROUP],
            resources=["imageupdaters/status", "imageupdaters/finalizers"],
            verbs=["get", "update", "patch"],
        ),
        credentials,
    ]


def values(registry: RegistrySignIn | None, argocd_namespace: str, *, keep_crds: bool) -> dict[str, Any]:
    """Return the chart's values."""
    common: dict[str, Any] = {
        "crds": {"keep": keep_crds},
        # its own roles may patch Applications
        "createClusterRoles": False,
        "rbac": {"enabled": False},
        "serviceAccount": {"name": SERVICE_ACCOUNT},
        "config": {
            "argocd.namespace": argocd_namespace,
            "watch.namespaces": argocd_namespace,
            "git.commit-message-template": _COMMIT_MESSAGE,
        },
        **PLACEMENT,
        "resources": WATCHER.resources,
    }
    if registry is None:
        return common
    host = pulumi.Output.from_input(registry.host)
    return merge(
        common,
        {
            "serviceAccount": {"annotations": {"azure.workload.identity/client-id": registry.client_id}},
            "podLabels": {"azure.workload.identity/use": "true"},
            "extraEnv": [{"name": "REGISTRY_HOST", "value": host}],
            "authScripts": {"enabled": True, "scripts": {"registry.sh": SIGN_IN}},
            "config": {
                "registries": [
                    {
                        "name": "registry",
                        "prefix": host,
                        "api_url": host.apply(lambda name: f"https://{name}"),
                        "credentials": "ext:/scripts/registry.sh",
                        # the token lives three hours
                        "credsexpire": "1h",
                    }
                ]
            },
        },
    )
