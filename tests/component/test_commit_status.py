"""Commit statuses: no notifications controller unless asked for, and then one whose key never passes through Pulumi.

That Argo CD's own controller sends them is held in tests/argocd/test_commit_status.py.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.component.conftest import Program

APP = {"githubApp": {"appId": 12, "installationId": 34, "vaultSecret": "status-app-key"}}


@pytest.fixture(scope="module")
def reporting(program: Callable[..., Program]) -> Program:
    return program("dev", argocd={"notifications": APP})


def notifications(p: Program) -> dict[str, Any]:
    found: dict[str, Any] = p.release("argo-cd").inputs["values"]["notifications"]
    return found


def service(p: Program) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(notifications(p)["notifiers"]["service.github"])
    return found


def contexts(p: Program) -> set[str]:
    templates = [json.loads(text) for text in notifications(p)["templates"].values()]
    return {template["github"]["status"]["label"] for template in templates}


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_nothing_runs_that_reports_nothing(program: Callable[..., Program], stack: str) -> None:
    assert notifications(program(stack))["enabled"] is False
    assert [r.name for r in program(stack).all if "notifications" in r.name] == []


def test_the_apps_key_comes_from_the_vault(reporting: Program) -> None:
    found = reporting.one(":ExternalSecret", "notifications-key-g1")
    spec = found.inputs["spec"]
    assert spec["data"] == [{"secretKey": "value", "remoteRef": {"key": "status-app-key"}}]
    assert spec["target"]["name"] == "argocd-notifications-secret"
    assert notifications(reporting)["secret"] == {"create": False}, "the chart's own would be empty, and win"
    [(key, value)] = spec["target"]["template"]["data"].items()
    assert (value, service(reporting)["privateKey"]) == ("{{ .value }}", f"${key}")
    assert reporting.waits_for(found, reporting.one(":ClusterSecretStore", "argocd-secret-store-g1"))
    assert found.hooks["before_create"], "its webhook judges it"


def test_a_local_clusters_key_comes_from_the_local_store(program: Callable[..., Program]) -> None:
    p = program("local", argocd={"notifications": APP}, gitops={"source": "git"})
    [data] = p.one(":ExternalSecret", "notifications-key").inputs["spec"]["data"]
    assert data["remoteRef"] == {"key": "status-app-key", "property": "value"}


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/example/apps.git", {}),
        ("https://git.example.org/example/apps", {"enterpriseBaseURL": "https://git.example.org/api/v3"}),
    ],
)
def test_an_enterprise_host_has_an_api_of_its_own(program: Callable[..., Program], url: str, api: object) -> None:
    found = service(program("dev", argocd={"notifications": APP}, gitops={"repoUrl": url}))
    assert {key: value for key, value in found.items() if key != "privateKey"} == {
        "appID": 12,
        "installationID": 34,
        **(api if isinstance(api, dict) else {}),
    }


@pytest.mark.parametrize(
    ("gitops", "context"),
    [
        ({}, "dev/{{.app.metadata.name}}"),
        ({"environment": "stage"}, "stage/{{.app.metadata.name}}"),
        ({"environment": "stage", "region": "weu"}, "stage-weu/{{.app.metadata.name}}"),
    ],
)
def test_clusters_and_applications_do_not_overwrite_each_others_statuses(
    program: Callable[..., Program], gitops: dict[str, str], context: str
) -> None:
    assert contexts(program("dev", argocd={"notifications": APP}, gitops=gitops)) == {context}
