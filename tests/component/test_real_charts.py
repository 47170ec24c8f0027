"""The addons' values in the charts themselves: what Helm makes of them, held to what the platform promises.

Needs Helm, and a folder with the charts' archives in AKS_BOOTSTRAP_CHARTS (`helm pull` each pinned chart).
"""

import json
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from components.addons.placement import LINUX, SYSTEM_POOL_EXPRESSION, SYSTEM_POOL_TOLERATIONS
from settings.addon_requests import total
from settings.repositories import KNOWN_HOSTS
from tests.component.conftest import REPORTING, Program
from tests.component.real_charts import CHARTS, NEEDS_CHARTS, PERMANENT, containers, objects, pods

pytestmark = NEEDS_CHARTS

UPDATER = {
    "imageUpdaterWriteBack": "git",
    "repositories": [{"name": "apps", "url": "https://github.com/example", "vaultSecret": "token"}],
}


@pytest.fixture(params=["dev", "prod", "local", "updater", "reporting"])
def one(request: pytest.FixtureRequest, program: Callable[..., Program]) -> Program:
    if request.param == "reporting":
        return program("dev", **REPORTING)
    return program("dev", argocd=UPDATER) if request.param == "updater" else program(request.param)


def test_every_pod_runs_on_linux_and_prefers_the_system_pool(one: Program) -> None:
    seen = 0
    for where, _, pod in pods(one):
        seen += 1
        assert LINUX.items() <= pod["nodeSelector"].items(), where
        assert all(toleration in pod["tolerations"] for toleration in SYSTEM_POOL_TOLERATIONS), where
        preferred = pod["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
        assert SYSTEM_POOL_EXPRESSION in [e for term in preferred for e in term["preference"]["matchExpressions"]], (
            where
        )
    assert seen > 10


def test_every_container_requests_what_it_needs_and_has_a_memory_limit(one: Program) -> None:
    for where, _, pod in pods(one):
        for container in containers(pod):
            resources = container.get("resources") or {}
            assert set(resources.get("requests", {})) == {"cpu", "memory"}, f"{where}: {container['name']}"
            assert set(resources.get("limits", {})) == {"memory"}, f"{where}: {container['name']}"


def amount(text: str) -> int:
    """Return millicores or MiB."""
    found = re.fullmatch(r"(\d+)(m|Mi)", text)
    assert found, text
    return int(found[1])


def test_the_sum_of_all_requests_is_the_one_that_settings_reckon_with(one: Program) -> None:
    cpu = memory = replicas = 0
    for where, item, pod in pods(one, PERMANENT):
        count = item["spec"].get("replicas", 1)
        replicas = count if where.startswith("traefik") else replicas
        cpu += count * sum(amount(c["resources"]["requests"]["cpu"]) for c in pod["containers"])
        memory += count * sum(amount(c["resources"]["requests"]["memory"]) for c in pod["containers"])
    names = {release.inputs["name"] for release in one.several("helm.sh/v3:Release")}
    values = one.release("argo-cd").inputs["values"]
    assert (cpu, memory) == total(
        production=one.release("cert-manager").inputs["values"]["replicaCount"] == 2,
        ingress_replicas=replicas,
        high_availability=values["redis-ha"]["enabled"],
        image_updater="argocd-image-updater" in names,
        notifications=values["notifications"]["enabled"],
    )


def test_the_chart_installs_the_notifications_controller_only_for_a_stack_that_reports(one: Program) -> None:
    names = {item["metadata"]["name"] for _, item in objects(one)}
    found = {name for name in names if name.startswith("argocd-notifications")}
    if one.release("argo-cd").inputs["values"]["notifications"]["enabled"]:
        assert {"argocd-notifications-controller", "argocd-notifications-cm"} <= found
        assert "argocd-notifications-secret" not in found, "it would take the place of the one with the key"
    else:
        assert found == set()


def test_the_ssh_servers_that_settings_take_for_known_are_the_charts(program: Callable[..., Program]) -> None:
    def hosts(p: Program) -> list[str]:
        [found] = [item for _, item in objects(p) if item["metadata"]["name"] == "argocd-ssh-known-hosts-cm"]
        return [line.split()[0] for line in found["data"]["ssh_known_hosts"].splitlines() if line]

    assert set(hosts(program("local"))) == KNOWN_HOSTS
    line = "git.example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
    added = hosts(program("local", argocd={"sshKnownHosts": [line]}))
    assert set(added) == {*KNOWN_HOSTS, "git.example.com"}


def test_several_replicas_have_a_budget_and_are_spread(one: Program) -> None:
    budgets = [item for _, item in objects(one) if item["kind"] == "PodDisruptionBudget"]
    for where, item, pod in pods(one, PERMANENT):
        if item["spec"].get("replicas", 1) < 2:
            continue
        labels = item["spec"]["template"]["metadata"]["labels"]
        fitting = [b for b in budgets if b["spec"]["selector"]["matchLabels"].items() <= labels.items()]
        assert len(fitting) == 1, where
        constraints = pod.get("topologySpreadConstraints") or []
        assert constraints or pod["affinity"].get("podAntiAffinity"), where
        for constraint in constraints:
            assert constraint["labelSelector"]["matchLabels"].items() <= labels.items(), f"{where}: it spreads no pod"


def test_one_replica_has_no_budget_that_would_stop_every_drain(one: Program) -> None:
    budgets = [item for _, item in objects(one) if item["kind"] == "PodDisruptionBudget"]
    for where, item, _ in pods(one, PERMANENT):
        if item["spec"].get("replicas", 1) == 1:
            labels = item["spec"]["template"]["metadata"]["labels"]
            assert not [b for b in budgets if b["spec"]["selector"]["matchLabels"].items() <= labels.items()], where


def test_a_proxy_that_ends_goes_on_serving_until_azure_has_noticed(one: Program) -> None:
    [(_, item, pod)] = [found for found in pods(one, PERMANENT) if found[0].startswith("traefik")]
    arguments = pod["containers"][0]["args"]
    graces = [a for a in arguments if "requestAcceptGraceTimeout" in a]
    assert len(graces) == 2
    for grace in graces:
        seconds = int(grace.split("=")[1].removesuffix("s"))
        assert seconds >= 2 * 5 + 1, "two probes of 5 s, and a moment"
        assert seconds + 30 < pod["terminationGracePeriodSeconds"], item["metadata"]["name"]


def test_chart_knows_every_value(one: Program) -> None:
    """A misspelled key is silently ignored by a chart without a schema."""
    for release in one.several("helm.sh/v3:Release"):
        inputs = release.inputs
        archive = Path(CHARTS) / f"{inputs['name']}-{inputs['version']}.tgz"
        shown = subprocess.run(["helm", "show", "values", str(archive)], capture_output=True, text=True, check=True)
        defaults = YAML(typ="safe", pure=True).load(shown.stdout)
        assert list(unknown(inputs["values"], defaults, inputs["name"])) == []


def test_crds_that_helm_would_never_upgrade_are_applied_by_the_program(one: Program) -> None:
    applied = {chart.inputs["name"]: chart for chart in one.several("helm.sh/v4:Chart")}
    for release in one.several("helm.sh/v3:Release"):
        name, version = release.inputs["name"], release.inputs["version"]
        archive = Path(CHARTS) / f"{name}-{version}.tgz"
        with tarfile.open(archive) as files:
            ours = [
                file for file in files.getnames() if file.startswith(f"{name}/crds/") and "kustomization" not in file
            ]
        assert bool(ours) is (name in applied), f"{name} has {len(ours)} files in crds/"
        if ours:
            command = ["helm", "template", name, str(archive), "--include-crds", "-f", "-"]
            values = json.dumps(applied[name].inputs["values"])
            done = subprocess.run(command, input=values, capture_output=True, text=True, check=True)
            kinds = [document["kind"] for document in YAML(typ="safe", pure=True).load_all(done.stdout) if document]
            assert kinds == ["CustomResourceDefinition"] * len(ours)


OPEN = re.compile(
    # mappings that the user fills, which a chart's defaults leave empty or give examples of
    r"\.(cm|rbac|params|annotations|podLabels|resources|nodeSelector|affinity|spec|config|transport|listeners|additionalAffinities"
    r"|notifiers|triggers|templates|podDisruptionBudget|scripts|authScripts|entryPoint|ports\.web\.http|redis-ha|tlsOptions|tlsStore|global\.affinity)(\.|$)"
)


def unknown(values: Any, defaults: Any, path: str) -> Iterator[str]:
    if not isinstance(values, dict) or not isinstance(defaults, dict):
        return
    for key, value in values.items():
        below = f"{path}.{key}"
        if key not in defaults:
            if not OPEN.search(path + "."):
                yield below
        else:
            yield from unknown(value, defaults[key], below)
