"""What Argo CD runs, and what Git has."""

import datetime as dt
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi

from bootstrap.plain import without_credentials
from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.verify import git
from bootstrap.platform.verify.objects import path_of
from bootstrap.platform.verify.target import Target
from components.addons.working_tree import config_map, read_tree
from conventions import ARGO_CD_NAMESPACE, WORKING_TREE_URL


def compared(found: Mapping[str, Any]) -> dt.datetime:
    """Return when Argo CD last compared an application."""
    text = (found.get("status") or {}).get("reconciledAt")
    return dt.datetime.fromisoformat(text) if text else dt.datetime.fromtimestamp(0, dt.UTC)


def revisions(target: Target, found: Sequence[Mapping[str, Any]], begun: dt.datetime) -> Iterator[Finding]:
    """Compare what runs with what Git has."""
    if target.settings.gitops.source == "workingTree":
        yield _working_tree(target)
        return
    ran: dict[tuple[str, str], tuple[set[str], bool]] = {}
    for each in found:
        sync = each["status"]["sync"]
        sources = each["spec"].get("sources") or [each["spec"].get("source") or {}]
        revisions = sync.get("revisions") or [sync.get("revision", "")]
        for source, revision in zip(sources, revisions, strict=False):
            if "chart" not in source and source.get("repoURL"):
                place = (str(source["repoURL"]), str(source.get("targetRevision", "HEAD")))
                seen, fresh = ran.get(place, (set(), True))
                ran[place] = (seen | {str(revision)}, fresh and compared(each) > begun)
    for (url, wanted), (seen, fresh) in ran.items():
        shown = without_credentials(url)
        subject, show = f"revision {wanted} of {shown}", shlex.join(["git", "ls-remote", shown, wanted])
        has = git.revision(url, wanted)
        if not has:
            yield unknown(
                "argocd", subject, "this machine does not read the repository, or it has no such revision", show
            )
        elif seen == {has}:
            yield fine("argocd", subject, has[:12])
        elif fresh:
            detail = f"Git has {has[:12]}, what runs is of {', '.join(sorted(each[:12] for each in seen))}"
            cause = "Argo CD reads another repository than this machine, or a cache of it"
            yield failed("argocd", subject, detail, cause=cause, remedy=show)
        else:
            detail = f"Git has {has[:12]}, pushed since Argo CD last looked, or it looks no longer"
            yield unknown("argocd", subject, detail, show)


def _working_tree(target: Target) -> Finding:
    subject = f"the working tree, {WORKING_TREE_URL.removeprefix('file://')}"
    path = path_of("apps", "v1", "deployments", ARGO_CD_NAMESPACE, "argocd-repo-server")
    volumes = target.cluster.get(path)["spec"]["template"]["spec"].get("volumes") or []
    served = {(each.get("configMap") or {}).get("name") for each in volumes}
    try:
        here = config_map(read_tree(target.settings.gitops.repo_url))[0]
    except pulumi.RunError as error:
        return unknown("argocd", subject, str(error))
    if here in served:
        return fine("argocd", subject, "as it is here")
    detail = "gitops/ or tenants/ here differs from what Argo CD reads"
    return fine("argocd", subject, detail, warning=True, cause="it changed since `up`", remedy="make up STACK=local")
