"""Argo CD's applications: compared just now, as Git has them, and healthy."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.plain import without_credentials
from bootstrap.platform.findings import Finding, failed, fine
from bootstrap.platform.verify import git
from bootstrap.platform.verify.checks.revisions import compared, revisions
from bootstrap.platform.verify.objects import condition, is_true, name_of, path_of, said
from bootstrap.platform.verify.target import Target
from components.addons import application_set
from components.cutover.applications import state_of
from conventions import ARGO_CD_NAMESPACE, ROOT_APPLICATION

SECONDS = 60.0
"""How long a verdict may take."""
PATIENCE_SECONDS = 300.0
"""How long applications may take that `up` has just sent on their way, and that nothing speaks against."""
_APPLICATIONS = path_of("argoproj.io", "v1alpha1", "applications", ARGO_CD_NAMESPACE)
_SETS = path_of("argoproj.io", "v1alpha1", "applicationsets", ARGO_CD_NAMESPACE, application_set.NAME)
_INTERVAL = 180.0
"""Seconds between comparisons where argocd-cm says nothing: 120, and up to 60 more.

https://argo-cd.readthedocs.io/en/stable/operator-manual/argocd-cm-yaml/
"""
_QUICK = 60.0
_WELL = ("Synced", "Healthy")


def applications(target: Target) -> Iterator[Finding]:
    """Wait until all are well, or their time is over, and tell what is seen then."""
    begun, interval = target.cluster.now(), _interval(target)

    def well() -> list[dict[str, Any]] | None:
        found = target.cluster.items(_APPLICATIONS)
        if _generation(target):
            return None
        # where Argo CD compares every few seconds, a verdict from before is none: what it stands on may be cut off
        fresh = interval > _QUICK or all(compared(each) > begun for each in found)
        return found if fresh and found and all(state_of(each) == _WELL for each in found) else None

    def settled() -> list[dict[str, Any]] | None:
        found = target.cluster.items(_APPLICATIONS)
        return found if all(state_of(each) == _WELL for each in found) or any(map(_lost, found)) else None

    found = target.cluster.until(well, SECONDS, every=2.0)
    if found is None and target.just_deployed:
        found = target.cluster.until(settled, PATIENCE_SECONDS - SECONDS, every=2.0)
    if found is None:
        found = target.cluster.items(_APPLICATIONS)
    if not any(name_of(each) == ROOT_APPLICATION for each in found):
        cause = "it was deleted, or `up` never got that far"
        up = f"make up STACK={target.stack}"
        yield failed("argocd", f"application {ROOT_APPLICATION}", "there is none", cause=cause, remedy=up)
    if problem := _generation(target):
        yield problem
    good, now = [], target.cluster.now()
    for each in found:
        if problem := _problem(target, each, now, interval):
            yield problem
        else:
            good.append(each)
    if good:
        names = ", ".join(sorted(map(name_of, good)))
        yield fine("argocd", "applications", f"{names} Synced and Healthy")
    yield from revisions(target, good, begun)


def _generation(target: Target) -> Finding | None:
    """Return why there may be other applications than the tenants' files ask for; None where there are not."""
    found = target.cluster.find(_SETS)
    subject, up = f"ApplicationSet {application_set.NAME}", f"make up STACK={target.stack}"
    if found is None:
        return failed("argocd", subject, "there is none", cause="it was deleted", remedy=up)
    error = condition(found, "ErrorOccurred")
    if error.get("status") != "True" and is_true(found, "ResourcesUpToDate"):
        return None
    show = target.kube("-n", ARGO_CD_NAMESPACE, "describe", "applicationset", application_set.NAME)
    detail = said(error) if error.get("status") == "True" else said(condition(found, "ResourcesUpToDate"))
    cause = "the repository with tenants/ cannot be read, a tenant's file is wrong, or it has only just been made"
    return failed("argocd", subject, f"its applications are not up to date: {detail}", cause=cause, remedy=show)


def _problem(target: Target, found: Mapping[str, Any], now: dt.datetime, interval: float) -> Finding | None:
    sync, health = state_of(found)
    subject = f"application {name_of(found)}"
    show = target.kube("-n", ARGO_CD_NAMESPACE, "describe", "application", name_of(found))
    messages = _errors(found)
    age = (now - compared(found)).total_seconds()
    if messages:
        detail = f"{sync}, {health}; {messages[0][:300]}"
        cause, remedy = _why(target, found, messages[0])
        return failed("argocd", subject, detail, cause=cause, remedy=remedy or show)
    if (sync, health) != _WELL:
        cause, remedy = _unwell(target, found, sync)
        return failed("argocd", subject, f"{sync}, {health}", cause=cause, remedy=remedy or show)
    if age > max(2 * interval, interval + SECONDS / 2):
        return failed(
            "argocd",
            subject,
            f"last compared {age:.0f} s ago, which happens every {interval:.0f} s",
            cause="the controller waits for the repo-server, which a NetworkPolicy may cut off, or for Git",
            remedy=target.kube("-n", ARGO_CD_NAMESPACE, "get", "networkpolicies,pods"),
        )
    return None


def _why(target: Target, found: Mapping[str, Any], message: str) -> tuple[str, str]:
    source = found["spec"].get("source") or (found["spec"].get("sources") or [{}])[0]
    revision, repository = source.get("targetRevision", "HEAD"), without_credentials(source.get("repoURL", ""))
    if re.search(r"unable to resolve '.*' to a commit|couldn't find remote ref|revision .* not found", message):
        up = f"make up STACK={target.stack}" if name_of(found) == ROOT_APPLICATION else ""
        return f"{repository} has no revision {revision}", up
    if re.search(r"repo-server|:8081|connection error|DeadlineExceeded|context deadline|Unavailable", message):
        return (
            "the controller does not reach the repo-server: a NetworkPolicy cuts it off, or no Pod of it is ready",
            target.kube("-n", ARGO_CD_NAMESPACE, "get", "networkpolicies,pods,endpointslices"),
        )
    if re.search(r"authentication required|permission denied|Repository not found|could not read", message):
        return f"Argo CD may not read {repository}: its credential is missing or is over", ""
    if "not permitted in project" in message or "InvalidSpecError" in message:
        return "its project does not allow what it asks for", ""
    return "what Git has cannot be rendered, or the cluster refuses it", ""


def _unwell(target: Target, found: Mapping[str, Any], sync: str) -> tuple[str, str]:
    """Return why an application is not as it should be, by its resources and its last sync."""
    status = found.get("status") or {}
    operation = status.get("operationState") or {}
    if operation.get("phase") in {"Failed", "Error"}:
        return f"its last sync failed: {' '.join(str(operation.get('message', '')).split())[:300]}", ""
    for each in status.get("resources") or []:
        if detail := _unready(target, each):
            place = f"{each['kind'].lower()}/{each['name']}"
            return detail, target.kube("-n", each.get("namespace") or "default", "describe", place)
    if sync == "OutOfSync":
        return (
            "the cluster differs from Git, and nothing synchronises it: automated sync is off, or it has just begun",
            "",
        )
    return "it has not been compared to its end yet", ""


def _unready(target: Target, resource: Mapping[str, Any]) -> str:
    """Return why a resource of an application is not well; empty where it is, or where only Argo CD can tell.

    Whether Argo CD writes the health of each resource down is a setting of its own, which is off by default.
    https://argo-cd.readthedocs.io/en/stable/operator-manual/upgrading/2.14-3.0/
    """
    subject = f"{resource['kind']} {resource.get('namespace', '')}/{resource['name']}"
    state = resource.get("health") or {}
    if state.get("status") in {"Degraded", "Missing", "Progressing", "Suspended"}:
        message = f": {' '.join(str(state['message']).split())[:200]}" if state.get("message") else ""
        return f"{subject} is {state['status']}{message}"
    if resource.get("group") != "apps" or not resource.get("namespace"):
        return ""
    plural = f"{resource['kind'].lower()}s"
    found = target.cluster.find(path_of("apps", "v1", plural, resource["namespace"], resource["name"]))
    if found is None:
        return f"{subject} is gone"
    status = found.get("status") or {}
    wanted = status.get("desiredNumberScheduled", found["spec"].get("replicas", 1))
    available = status.get("numberAvailable", status.get("availableReplicas", 0))
    if available >= wanted:
        return ""
    refused = condition(found, "ReplicaFailure")
    why = said(refused) if refused.get("status") == "True" else said(condition(found, "Available"))
    return f"{subject} has {available} of {wanted} Pods available: {why[:300]}"


def _lost(found: Mapping[str, Any]) -> bool:
    """Return whether waiting would not help an application."""
    status = found.get("status") or {}
    failed_sync = (status.get("operationState") or {}).get("phase") in {"Failed", "Error"}
    return bool(_errors(found)) or failed_sync or state_of(found)[1] in {"Degraded", "Missing"}


def _errors(found: Mapping[str, Any]) -> list[str]:
    """Return what Argo CD has against an application."""
    return [
        without_credentials(f"{each['type']}: {' '.join(str(each.get('message', '')).split())}")
        for each in (found.get("status") or {}).get("conditions") or []
        if each["type"].endswith("Error")
    ]


def _interval(target: Target) -> float:
    """Return how often Argo CD compares, as argocd-cm says it."""
    found = target.cluster.find(path_of("", "v1", "configmaps", ARGO_CD_NAMESPACE, "argocd-cm")) or {}
    data = found.get("data") or {}
    if "timeout.reconciliation" not in data:
        return _INTERVAL
    jitter = data.get("timeout.reconciliation.jitter", "60s")
    return git.seconds(data["timeout.reconciliation"]) + git.seconds(jitter)
