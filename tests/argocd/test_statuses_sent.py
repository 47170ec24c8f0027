"""The commit statuses that Argo CD's own notifications controller sends, configured as the program's values have it.

The chart makes the controller's ConfigMap; a GitHub on loopback receives what the controller sends.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from ruamel.yaml import YAML

from application_sources import Sources
from tests.argocd.argo_cd import API_VERSION, ArgoCD
from tests.argocd.cluster import charts
from tests.argocd.generator import APPLICATIONS
from tests.argocd.loopback_github import GitHub, github
from tests.component.conftest import Program, program

__all__ = ["program"]

_INSTALLATION = 34
_SECONDS = 30
CHARTS_URL = "https://charts.example.com"
_commits = count(1)


class Reporting:
    """A notifications controller, the GitHub that it reports to, and Applications whose status tests write."""

    def __init__(self, argo_cd: ArgoCD, server: GitHub, url: str) -> None:
        self.argo_cd, self.github, self.url = argo_cd, server, url

    def application(self, name: str, *, url: str | None = None, several_sources: bool = False) -> None:
        """Create an Application that nobody subscribed to anything."""
        source = {"repoURL": url or self.url, "path": "gitops/charts/web", "targetRevision": "main"}
        sources = {"sources": self.sources(url)} if several_sources else {"source": source}
        spec = {"project": "shop", **sources, "destination": {"server": "https://kubernetes.default.svc"}}
        metadata = {"name": name, "namespace": "argocd"}
        self.argo_cd.apply(
            APPLICATIONS, {"apiVersion": API_VERSION, "kind": "Application", "metadata": metadata, "spec": spec}
        )

    def sources(self, url: str | None = None) -> list[dict[str, Any]]:
        """Return the sources of an Application whose chart comes from elsewhere."""
        made = Sources(
            app="shop", repo_url=url or self.url, revision="main", folder="", environment="prod", layers=[], facts={}
        )
        found: list[dict[str, Any]] = made.repository_chart(url=CHARTS_URL, name="podinfo", version="6.7.1")["sources"]
        return found

    def becomes(
        self,
        name: str,
        commit: str,
        phase: str,
        health: str,
        *,
        minutes: int = 0,
        synced_before: bool = False,
        sources: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Write the status of an Application after a sync, whose health changed some minutes after the sync's end."""
        finished, changed = "2026-01-01T12:00:00Z", f"2026-01-01T{12 + minutes // 60}:{minutes % 60:02}:00Z"
        # Argo CD leaves the single revision empty then
        revisions = [commit if source["repoURL"] != CHARTS_URL else "6.7.1" for source in sources]
        synced = {"revision": "", "revisions": revisions} if sources else {"revision": commit}
        operation = {
            "operation": {"sync": {"revision": commit}},
            "phase": phase,
            "startedAt": finished,
            "finishedAt": finished,
            "syncResult": {**synced, **({"sources": list(sources)} if sources else {})},
            "message": "deployments.apps is forbidden: secret detail",
        }
        status = {
            "operationState": operation,
            "health": {"status": health, "lastTransitionTime": changed},
            "history": [{"id": 1, **synced, "deployedAt": finished}] if synced_before else [],
            "sync": {"status": "Synced", "revision": commit},
            # the controller leaves alone what has not been compared since the sync
            "reconciledAt": "2026-01-02T00:00:00Z",
        }
        self.argo_cd.patch(APPLICATIONS, name, {"status": status})

    def settled(self, name: str) -> None:
        """Wait until the controller has dealt with everything so far.

        It has one queue, in which others come last; what changes while it is dealt with is queued once more, behind
        the first of them.
        """
        for _ in range(2):
            other = f"{name}-{next(_commits)}"
            self.application(other)
            commit = new_commit()
            self.becomes(other, commit, "Succeeded", "Healthy")
            self.until(commit, 1)

    def until(self, commit: str, number: int) -> list[dict[str, Any]]:
        """Return the statuses of a commit as soon as there are so many."""
        deadline = time.monotonic() + _SECONDS
        while len(found := self.of(commit)) < number:
            assert time.monotonic() < deadline, f"{found}\n{self.argo_cd.processes.log('notifications')[-3000:]}"
            time.sleep(0.1)
        return found

    def of(self, commit: str) -> list[dict[str, Any]]:
        """Return the statuses of a commit of the applications' repository."""
        return [status for place, status in self.github.statuses if place == f"example/apps/{commit}"]


def new_commit() -> str:
    return f"{next(_commits):040x}"


def states(statuses: list[dict[str, Any]]) -> list[str]:
    return [status["state"] for status in statuses]


def config_map(values: dict[str, Any]) -> dict[str, Any]:
    """Return what the chart makes of the values."""
    done = subprocess.run(
        ["helm", "template", "argo-cd", str(charts()[-1]), "-n", "argocd", "-f", "-"],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=True,
    )
    documents = YAML(typ="safe").load_all(done.stdout)
    [found] = [item for item in documents if item and item["metadata"]["name"] == "argocd-notifications-cm"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": found["metadata"]["name"]}, **_data(found)}


def _data(document: dict[str, Any]) -> dict[str, Any]:
    return {"data": document["data"]}


def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return text.decode()


@pytest.fixture(scope="module")
def reporting(argo: ArgoCD, program: Callable[..., Program]) -> Iterator[Reporting]:
    with github(_INSTALLATION) as server:
        url = f"http://127.0.0.1:{server.port}/example/apps.git"
        app = {"appId": 12, "installationId": _INSTALLATION, "vaultSecret": "app-key"}
        stack = program("prod", argocd={"notifications": {"githubApp": app}}, gitops={"repoUrl": url, "region": "weu"})
        argo.apply_config_map(config_map(stack.release("argo-cd").inputs["values"]))
        target = stack.one(":ExternalSecret", "notifications-key-g1").inputs["spec"]["target"]
        data = {key: private_key() for key in target["template"]["data"]}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": target["name"]}, "stringData": data}
        argo.apply_secret(secret)
        argo.create_project("shop")
        argo.start_notifications_controller()
        yield Reporting(argo, server, url)


def test_a_commit_that_runs_has_a_status_with_a_link_to_the_application(reporting: Reporting) -> None:
    commit = new_commit()
    reporting.application("shop")
    reporting.becomes("shop", commit, "Succeeded", "Healthy")
    assert reporting.until(commit, 1) == [
        {
            "state": "success",
            "context": "prod-weu/shop",
            "description": "shop runs this commit in prod-weu",
            "target_url": "https://argocd.example.com/applications/argocd/shop",
        }
    ]


@pytest.mark.parametrize("phase", ["Failed", "Error"])
def test_a_commit_that_cannot_be_synced_fails_and_the_reason_stays_in_argo_cd(reporting: Reporting, phase: str) -> None:
    commit = new_commit()
    reporting.application("broken")
    reporting.becomes("broken", commit, phase, "Healthy")
    [status] = reporting.until(commit, 1)
    assert (status["state"], status["description"]) == (
        "failure",
        "broken could not be synced to this commit in prod-weu",
    )


def test_a_commit_whose_pods_do_not_start_fails(reporting: Reporting) -> None:
    commit = new_commit()
    reporting.application("crashing")
    reporting.becomes("crashing", commit, "Succeeded", "Degraded", minutes=10)
    [status] = reporting.until(commit, 1)
    assert (status["state"], status["description"]) == (
        "failure",
        "crashing is degraded with this commit in prod-weu",
    )


def test_a_sync_that_a_retry_puts_right_ends_as_a_success(reporting: Reporting) -> None:
    commit = new_commit()
    reporting.application("flaky")
    reporting.becomes("flaky", commit, "Failed", "Healthy")
    reporting.until(commit, 1)
    reporting.becomes("flaky", commit, "Succeeded", "Healthy")
    assert states(reporting.until(commit, 2)) == ["failure", "success"]


def test_a_moment_in_which_it_was_degraded_ends_as_a_success(reporting: Reporting) -> None:
    commit = new_commit()
    reporting.application("settling")
    sequence = [("Healthy", 0), ("Degraded", 5), ("Healthy", 6), ("Degraded", 29), ("Healthy", 120)]
    for number, (health, minutes) in enumerate(sequence, start=1):
        reporting.becomes("settling", commit, "Succeeded", health, minutes=minutes)
        reporting.until(commit, number)
    assert states(reporting.of(commit)) == ["success", "failure", "success", "failure", "success"]


def test_a_deployed_application_that_scales_sends_nothing_more_than_once(reporting: Reporting) -> None:
    first, second = new_commit(), new_commit()
    reporting.application("scaling")
    for commit in (first, second):
        reporting.becomes("scaling", commit, "Succeeded", "Healthy")
        reporting.until(commit, 1)
        for hours in range(1, 3):
            reporting.becomes("scaling", commit, "Succeeded", "Progressing", minutes=60 * hours - 1)
            reporting.settled("scaling")
            reporting.becomes("scaling", commit, "Succeeded", "Healthy", minutes=60 * hours)
            reporting.settled("scaling")
    assert (states(reporting.of(first)), states(reporting.of(second))) == (["success"] * 2, ["success"] * 2)


def test_drift_that_cannot_be_corrected_is_not_put_down_to_the_commit(reporting: Reporting) -> None:
    commit = new_commit()
    reporting.application("drifting")
    reporting.becomes("drifting", commit, "Succeeded", "Healthy", synced_before=True)
    reporting.until(commit, 1)
    reporting.becomes("drifting", commit, "Failed", "Healthy", synced_before=True)
    reporting.settled("drifting")
    assert states(reporting.of(commit)) == ["success"]


def test_what_breaks_an_hour_after_the_sync_is_not_put_down_to_the_commit(reporting: Reporting) -> None:
    commit = new_commit()
    reporting.application("aging")
    reporting.becomes("aging", commit, "Succeeded", "Healthy")
    reporting.until(commit, 1)
    reporting.becomes("aging", commit, "Succeeded", "Degraded", minutes=60)
    reporting.settled("aging")
    assert states(reporting.of(commit)) == ["success"]


def test_nothing_is_sent_about_an_application_of_another_repository(reporting: Reporting) -> None:
    commit = new_commit()
    reporting.application("elsewhere", url=reporting.url.replace("apps", "platform"))
    reporting.becomes("elsewhere", commit, "Succeeded", "Healthy")
    reporting.settled("elsewhere")
    assert [path for path in reporting.github.paths if commit in path] == []


@pytest.mark.parametrize(("phase", "health"), [("Running", "Healthy"), ("Succeeded", "Progressing")])
def test_nothing_is_sent_before_the_outcome_is_known(reporting: Reporting, phase: str, health: str) -> None:
    commit = new_commit()
    reporting.application("waiting")
    reporting.becomes("waiting", commit, phase, health)
    reporting.settled("waiting")
    assert reporting.of(commit) == []


@pytest.mark.parametrize("several_sources", [False, True], ids=["one source", "several sources"])
def test_an_application_that_was_never_synced_is_no_error(reporting: Reporting, several_sources: bool) -> None:
    name = f"newborn-{next(_commits)}"
    reporting.application(name, several_sources=several_sources)
    reporting.settled(name)
    log = reporting.argo_cd.processes.log("notifications")
    assert name in log
    assert "failed to execute" not in log


def test_an_application_with_the_chart_of_another_repository_has_statuses_as_any_other(reporting: Reporting) -> None:
    commit, sources = new_commit(), reporting.sources()
    reporting.application("podinfo", several_sources=True)
    reporting.becomes("podinfo", commit, "Failed", "Healthy", sources=sources)
    reporting.until(commit, 1)
    reporting.becomes("podinfo", commit, "Succeeded", "Healthy", sources=sources)
    reporting.until(commit, 2)
    reporting.becomes("podinfo", commit, "Failed", "Healthy", synced_before=True, sources=sources)
    reporting.settled("podinfo")
    assert states(reporting.of(commit)) == ["failure", "success"]
    assert {status["context"] for status in reporting.of(commit)} == {"prod-weu/podinfo"}
    assert [path for path in reporting.github.paths if "6.7.1" in path] == []


def test_the_commit_is_that_of_the_sources_that_were_synced(reporting: Reporting) -> None:
    commit = new_commit()
    reporting.application("turned", several_sources=True)
    reporting.becomes("turned", commit, "Succeeded", "Healthy", sources=reporting.sources()[::-1])
    assert states(reporting.until(commit, 1)) == ["success"]


@pytest.mark.parametrize("sources", [0, 1], ids=["none of them", "the chart's alone"])
def test_a_sync_that_failed_before_it_had_a_commit_of_the_repository_is_no_error(
    reporting: Reporting, sources: int
) -> None:
    name = f"early-{next(_commits)}"
    reporting.application(name, several_sources=True)
    reporting.becomes(name, "", "Error", "Healthy", sources=reporting.sources()[:sources])
    reporting.settled(name)
    assert [status for _, status in reporting.github.statuses if name in status["context"].split("/")] == []
    assert "failed to execute" not in reporting.argo_cd.processes.log("notifications")


def test_several_sources_of_other_repositories_have_no_status(reporting: Reporting) -> None:
    commit, url = new_commit(), reporting.url.replace("apps", "platform")
    reporting.application("abroad", url=url, several_sources=True)
    reporting.becomes("abroad", commit, "Succeeded", "Healthy", sources=reporting.sources(url))
    reporting.settled("abroad")
    assert [path for path in reporting.github.paths if commit in path] == []
