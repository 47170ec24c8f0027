"""Commit statuses on GitHub, which Argo CD's notifications controller sets for every Application of the repository.

https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from application_template import layers
from components.addons.argocd_secrets import from_store
from settings import Settings
from settings.notifications import StatusApp
from settings.repositories import GITHUB_API, github_api

SECRET = "argocd-notifications-secret"
"""The Secret that the controller takes the values of ``$keys`` in its configuration from."""
_KEY = "github-privateKey"
_MINUTES = 30
"""How long after a sync a failure of the application's health is put down to the commit.

Kubernetes gives up on a rollout after ten minutes, or what the charts of ``gitops/`` set for containers that start
slowly. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds
"""


class _Report(NamedTuple):
    when: str
    """Condition for ``@COMMIT@``, in the language of https://expr-lang.org/docs/language-definition."""
    once_per: str
    """Sent again only when this has another value."""
    state: str
    """https://docs.github.com/en/rest/commits/statuses#create-a-commit-status."""
    message: str
    """Follows the application's name. What went wrong is on Argo CD's page: a status is as public as the repository."""


_SYNC = "app.status?.operationState?.syncResult"


def _commit(url: str) -> str:
    """Return the condition language's expression of the commit that was synced; nil where there is none.

    Argo CD syncs an application only to commits that change it: a commit to another one has no status of this one. One
    whose chart comes from elsewhere has a revision for each source, in their order.
    """
    ours, revisions = json.dumps(url), f"({_SYNC}?.revisions ?? [])"
    # a negative index would count from the end
    index = f"findIndex({_SYNC}?.sources ?? [], .repoURL == {ours}) ?? len({revisions})"
    return f"(app.spec.source?.repoURL == {ours} ? {_SYNC}?.revision : get({revisions}, {index}))"


_SYNCED = 'app.status.operationState.phase == "Succeeded"'
_SOON = (
    "time.Parse(app.status.health.lastTransitionTime)"
    f".Before(time.Parse(app.status.operationState.finishedAt).Add({_MINUTES} * time.Minute))"
)
# what was degraded for a moment has to end as a success; later changes count once, so that scaling sends nothing
_ONCE_PER_OUTCOME = f'@COMMIT@ + " " + ({_SOON} ? app.status.health.lastTransitionTime : "later")'
_REPORTS = {
    "deployed": _Report(
        f'{_SYNCED} and app.status.health.status == "Healthy"', _ONCE_PER_OUTCOME, "success", "runs this commit in"
    ),
    # not a commit that was synced before: then it is the correction of drift that fails
    "failed": _Report(
        'app.status.operationState.phase in ["Failed", "Error"]'
        " and none(app.status.history ?? [], .revision == @COMMIT@ or @COMMIT@ in (.revisions ?? []))",
        "@COMMIT@",
        "failure",
        "could not be synced to this commit in",
    ),
    "degraded": _Report(
        f'{_SYNCED} and app.status.health.status == "Degraded" and {_SOON}',
        _ONCE_PER_OUTCOME,
        "failure",
        "is degraded with this commit in",
    ),
}
"""Name of the trigger, which is the template's too, and what it reports."""


_REVISION = (
    "{{ with .app.status.operationState.syncResult }}{{ if $.app.spec.source }}{{ .revision }}"
    "{{ else }}{{ range $index, $source := .sources }}{{ if eq $source.repoURL @URL@ }}"
    "{{ index $.app.status.operationState.syncResult.revisions $index }}{{ break }}{{ end }}{{ end }}{{ end }}{{ end }}"
)
"""The same commit, as a template of Go's."""


@dataclass(frozen=True, kw_only=True)
class CommitStatus:
    """What is reported: by which App, for which repository, under which name."""

    app: StatusApp
    repo_url: str
    """URL of the applications' half, as its Applications have it."""
    cluster: str
    """What tells this cluster's statuses from others at the same commit: the environment, with its region if any."""

    @classmethod
    def of(cls, settings: Settings) -> "CommitStatus | None":
        """Take it from the stack's settings; None where nothing is reported."""
        if settings.argocd.notifications is None:
            return None
        gitops = settings.gitops
        return cls(
            app=settings.argocd.notifications.github_app,
            repo_url=gitops.served_url,
            cluster=layers(settings.applications_environment, None, gitops.region)[-1],
        )


def notifications_values(status: CommitStatus) -> dict[str, Any]:
    """Return the chart's values of the notifications controller, besides its resources.

    The subscription is the controller's own, so no Application needs an annotation.
    https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/subscriptions/#default-subscriptions
    """
    return {
        # an ExternalSecret makes it
        "secret": {"create": False},
        "notifiers": {"service.github": _json(_service(status))},
        "subscriptions": [{"recipients": ["github"], "triggers": sorted(_REPORTS)}],
        "triggers": {f"trigger.{name}": _json([_trigger(status, name)]) for name in _REPORTS},
        "templates": {f"template.{name}": _json(_template(status, name)) for name in _REPORTS},
    }


def key_secret(app: StatusApp, *, vault: bool) -> dict[str, Any]:
    """Return the spec that makes the controller's Secret from the App's private key in the store."""
    return from_store(SECRET, app.vault_secret, {_KEY: "{{ .value }}"}, labels={}, vault=vault)


def _service(status: CommitStatus) -> dict[str, Any]:
    api = github_api(status.repo_url)
    return {
        "appID": status.app.app_id,
        "installationID": status.app.installation_id,
        "privateKey": f"${_KEY}",
        **({} if api == GITHUB_API else {"enterpriseBaseURL": api}),
    }


def _trigger(status: CommitStatus, name: str) -> dict[str, Any]:
    # the App need not be installed on another repository; an operation that failed early may have no commit
    commit, report = _commit(status.repo_url), _REPORTS[name]
    return {
        "when": f'({commit} ?? "") != "" and {report.when}'.replace("@COMMIT@", commit),
        "oncePer": report.once_per.replace("@COMMIT@", commit),
        "send": [name],
    }


def _template(status: CommitStatus, name: str) -> dict[str, Any]:
    app = "{{.app.metadata.name}}"
    return {
        "message": f"{app} {_REPORTS[name].message} {status.cluster}",
        "github": {
            "repoURLPath": status.repo_url,
            "revisionPath": _REVISION.replace("@URL@", json.dumps(status.repo_url)),
            "status": {
                "state": _REPORTS[name].state,
                "label": f"{status.cluster}/{app}",
                "targetURL": "{{.context.argocdUrl}}/applications/{{.app.metadata.namespace}}/" + app,
            },
        },
    }


def _json(value: Mapping[str, Any] | list[dict[str, Any]]) -> str:
    """Return YAML that is JSON too, as nothing in it then depends on how a text is quoted."""
    return json.dumps(value, indent=2)
