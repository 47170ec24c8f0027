"""The addons' kinds: established, and every version that objects are stored in is served."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine
from bootstrap.platform.verify.objects import condition, is_true, name_of, path_of, said
from bootstrap.platform.verify.target import Check, Target
from components.addons.charts import PINNED

_CHARTS = {group: chart for chart in PINNED for group in chart.kinds}
_GATEWAY_API = "gateway.networking.k8s.io"
KINDS: Mapping[str, tuple[str, ...]] = {
    **{group: plurals for chart in PINNED for group, plurals in chart.kinds.items()},
    _GATEWAY_API: ("gateways", "httproutes"),
}
"""Kinds that an addon does not work without, by their API group."""
CRDS = path_of("apiextensions.k8s.io", "v1", "customresourcedefinitions")


def kinds(target: Target) -> Iterator[Finding]:
    """Read every CRD of the addons."""
    crds = {name_of(crd): crd for crd in target.cluster.items(CRDS)}
    for group, plurals in KINDS.items():
        if not has(target, group):
            continue
        ours = {name: crd for name, crd in crds.items() if crd["spec"]["group"] == group}
        found = [_missing(target, group, f"{plural}.{group}") for plural in plurals if f"{plural}.{group}" not in ours]
        for name, crd in ours.items():
            found += _of_crd(target, group, name, crd)
        yield from found or [fine("kinds", group, f"{len(ours)} established")]


def has(target: Target, group: str) -> bool:
    """Return whether a stack has an API group: some addons, and the Gateway API, are the stack file's choice."""
    chart = _CHARTS.get(group)
    return target.settings.ingress.gateway_api if chart is None else chart.installed(target.settings)


def _addon(group: str) -> str:
    return _CHARTS[group].name if group in _CHARTS else "the Gateway API"


def _missing(target: Target, group: str, name: str) -> Finding:
    return failed(
        "kinds",
        f"CRD {name}",
        "there is none",
        cause=f"it was deleted, and with it every object of its kind; {_addon(group)} does not work without",
        remedy=_mended(target, group),
    )


def _mended(target: Target, group: str) -> str:
    up = f"make up STACK={target.stack}"
    chart = _CHARTS.get(group)
    if chart is None or chart.crds_folder:  # Pulumi sees its CRDs
        return up
    return f"{up}; where that changes nothing: {target.restore(chart.namespace)}"


def _of_crd(target: Target, group: str, name: str, crd: Mapping[str, Any]) -> Iterator[Finding]:
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
            cause=f"an update of {_addon(group)} took the version away before its objects were migrated, "
            "or somebody turned it off",
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
