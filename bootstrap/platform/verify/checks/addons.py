"""The addons' kinds: established, and every version that objects are stored in is served."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine
from bootstrap.platform.verify.objects import condition, is_true, name_of, path_of, said
from bootstrap.platform.verify.target import Check, Target
from components.addons import cert_manager, external_secrets
from conventions import ARGO_CD_NAMESPACE

KINDS = {
    "cert-manager": ("cert-manager.io", ("certificates", "certificaterequests", "clusterissuers", "issuers")),
    "cert-manager's ACME": ("acme.cert-manager.io", ("challenges", "orders")),
    "Traefik": ("traefik.io", ("ingressroutes", "middlewares", "tlsstores")),
    "External Secrets": ("external-secrets.io", ("clustersecretstores", "externalsecrets", "secretstores")),
    "Argo CD": ("argoproj.io", ("applications", "applicationsets", "appprojects")),
    "Gateway API": ("gateway.networking.k8s.io", ("gateways", "httproutes")),
}
"""API group and kinds that each addon does not work without."""
_RENDERED = {
    "cert-manager.io": cert_manager.NAMESPACE,
    "acme.cert-manager.io": cert_manager.NAMESPACE,
    "external-secrets.io": external_secrets.NAMESPACE,
    "argoproj.io": ARGO_CD_NAMESPACE,
}
"""Namespace of the release whose chart renders a group's CRDs, where Pulumi does not see them."""
CRDS = path_of("apiextensions.k8s.io", "v1", "customresourcedefinitions")


def kinds(target: Target) -> Iterator[Finding]:
    """Read every CRD of the addons."""
    crds = {name_of(crd): crd for crd in target.cluster.items(CRDS)}
    for addon, (group, plurals) in KINDS.items():
        if not has(target, group):
            continue
        ours = {name: crd for name, crd in crds.items() if crd["spec"]["group"] == group}
        found = [_missing(target, addon, f"{plural}.{group}") for plural in plurals if f"{plural}.{group}" not in ours]
        for name, crd in ours.items():
            found += _of_crd(target, addon, name, crd)
        yield from found or [fine("kinds", addon, f"{len(ours)} established")]


def has(target: Target, group: str) -> bool:
    """Return whether a stack has an API group: that of the Gateway API is the stack file's choice."""
    return group != KINDS["Gateway API"][0] or target.settings.ingress.gateway_api


def _missing(target: Target, addon: str, name: str) -> Finding:
    return failed(
        "kinds",
        f"CRD {name}",
        "there is none",
        cause=f"somebody deleted it, and with it every object of its kind; {addon} does not work without",
        remedy=_mended(target, name.partition(".")[2]),
    )


def _mended(target: Target, group: str) -> str:
    up = f"make up STACK={target.stack}"
    return f"{up}; where that changes nothing: {target.restore(_RENDERED[group])}" if group in _RENDERED else up


def _of_crd(target: Target, addon: str, name: str, crd: Mapping[str, Any]) -> Iterator[Finding]:
    for type_ in ("Established", "NamesAccepted"):
        if not is_true(crd, type_):
            yield failed(
                "kinds",
                f"CRD {name}",
                f"not {type_}: {said(condition(crd, type_))}",
                cause="its names clash with those of another CRD, or the API server does not take its schema",
                remedy=target.kube("describe", "crd", name),
            )
    served = {version["name"] for version in crd["spec"]["versions"] if version["served"]}
    stored = crd.get("status", {}).get("storedVersions") or []
    if lost := [version for version in stored if version not in served]:
        yield failed(
            "kinds",
            f"CRD {name}",
            f"objects are stored as {', '.join(lost)}, and {', '.join(sorted(served)) or 'no version'} is served",
            cause=f"an update of {addon} took the version away before its objects were migrated, or somebody turned "
            "it off",
            remedy=target.kube("patch", "crd", name, "--type=json", "-p", _serve(crd, lost[0])),
        )


def _serve(crd: Mapping[str, Any], version: str) -> str:
    names = [each["name"] for each in crd["spec"]["versions"]]
    if version not in names:
        return json.dumps([{"op": "replace", "path": "/status/storedVersions", "value": names}])
    return json.dumps([{"op": "replace", "path": f"/spec/versions/{names.index(version)}/served", "value": True}])


CHECK = Check(
    name="kinds",
    does="reads the CRDs of every addon: established, and every version that is stored is served",
    ask=kinds,
)
