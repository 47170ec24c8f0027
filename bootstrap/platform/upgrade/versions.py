"""The steps between versions: of a chart, and of Kubernetes."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, cast

import semver

from bootstrap.platform.findings import Finding, blocked, fine, unknown
from components.release.yaml_text import YamlTextError, read_yaml
from settings.retirements import retirements

CHART, KUBERNETES = "charts", "kubernetes"

_REQUESTED = re.compile(r"^apiserver_requested_deprecated_apis\{(?P<labels>.*)\} 1$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_VERSION, _KIND = (re.compile(rf"^{key}: *['\"]?([^\s'\"]+)", re.MULTILINE) for key in ("apiVersion", "kind"))
"""Of a document itself: at the beginning of a line."""


def chart_step(name: str, installed: str, wanted: str) -> Finding:
    """Return what the step between two versions of a chart is."""
    detail = f"{installed} → {wanted}"
    try:
        before, after = (semver.Version.parse(each.removeprefix("v")) for each in (installed, wanted))
    except ValueError:
        return unknown(
            CHART, name, f"{detail}: one of them is not a semantic version", "read the chart's release notes"
        )
    if before == after:
        return fine(CHART, name, f"{installed} is installed")
    if after < before:
        return blocked(
            CHART,
            name,
            f"{detail} goes back: definitions may lose versions in which objects are stored",
            "take the program's revision that installed it, or one after that",
        )
    if before.major != after.major:
        return fine(CHART, name, detail, warning=True, cause="a major version: read its release notes first")
    if after.minor > before.minor + 1:
        skipped = after.minor - before.minor - 1
        return fine(
            CHART,
            name,
            detail,
            warning=True,
            cause=f"skips {skipped} minor version{'s' if skipped > 1 else ''}: raise it in steps where its publisher "
            "asks for that, as cert-manager's does (https://cert-manager.io/docs/installation/upgrade/)",
        )
    return fine(CHART, name, detail)


def kubernetes_step(running: str, wanted: str, *, long_term: bool, next_generation: bool) -> Iterator[Finding]:
    """Yield what becomes of a cluster's Kubernetes version.

    https://learn.microsoft.com/azure/aks/upgrade-aks-cluster

    Args:
        running: the API server's, such as v1.36.3.
        wanted: the minor version that the stack file asks for.
        long_term: whether the cluster has long-term support.
        next_generation: whether the stack file asks for a new cluster beside this one.
    """
    now, then = _minor(running), _minor(wanted)
    asked = {"kubernetesVersion": wanted, "supportPlan": "AKSLongTermSupport" if long_term else ""}
    ends = min((each.on for each in retirements(asked)), default=None)
    until = f"; Azure supports 1.{then} until {ends}" if ends else ""
    if next_generation or now == then:
        detail = f"1.{now}" if now == then else f"1.{now} → 1.{then}, as a new cluster beside this one"
        yield fine(KUBERNETES, "version", detail + until)
    elif then < now:
        yield blocked(
            KUBERNETES,
            "version",
            f"1.{now} → 1.{then}: AKS does not go back",
            f"cluster.kubernetesVersion: 1.{now}, or raise cluster.generation in the same edit",
        )
    elif then > now + 1:
        yield blocked(
            KUBERNETES,
            "version",
            f"1.{now} → 1.{then}: AKS raises a cluster by one minor version at a time",
            f"cluster.kubernetesVersion: 1.{now + 1} first, or raise cluster.generation in the same edit",
        )
    else:
        yield fine(KUBERNETES, "version", f"1.{now} → 1.{then}{until}")


def requested_apis(metrics: str, wanted: str) -> Iterator[Finding]:
    """Yield the APIs that somebody uses and that a later minor version of Kubernetes no longer serves.

    The API server counts them from its own start on:
    https://kubernetes.io/docs/reference/using-api/deprecation-policy/#rest-resources-aka-api-objects

    Args:
        metrics: the API server's, as text.
        wanted: the minor version that the cluster gets.
    """
    for row in _REQUESTED.finditer(metrics):
        labels: Mapping[str, str] = dict(_LABEL.findall(row["labels"]))
        if not (removed := labels.get("removed_release")):
            continue
        group = labels.get("group")
        what = f"{labels.get('resource')} of {f'{group}/' if group else ''}{labels.get('version')}"
        detail = f"somebody asks for it, and Kubernetes {removed} no longer serves it"
        guide = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/ names what follows it"
        if _minor(removed) <= _minor(wanted):
            yield blocked(KUBERNETES, what, detail, f"{guide}; the audit log says who asks (k8s.io/deprecated)")
        else:
            yield fine(KUBERNETES, what, detail, warning=True, remedy=guide)


def unserved(documents: Iterable[str], served: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """Yield version with group, kind and name of each object that is of a version which is not served.

    Args:
        documents: texts of YAML, of one object each.
        served: versions with their groups.
    """
    for text in documents:
        version, kind = _VERSION.search(text), _KIND.search(text)
        if version and kind and version[1] not in served:
            # most of what charts render is definitions, which take seconds to parse
            yield version[1], kind[1], _name(text)


def _name(text: str) -> str:
    try:
        return str(cast("Any", read_yaml(text))["metadata"]["name"])
    except (YamlTextError, LookupError, TypeError):
        return "without a name"


def _minor(version: str) -> int:
    found = re.match(r"v?1\.(\d+)", version)
    return int(found[1]) if found else 0
