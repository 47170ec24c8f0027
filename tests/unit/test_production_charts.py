"""Chart values that open the platform are refused in production, where they stand in the stack file."""

from typing import Any

import pytest
from jsonschema import Draft7Validator

from components.addons.charts import PINNED
from settings.addons import ChartOverride, Charts
from settings.argocd_policy import beyond_restart
from settings.production_charts import ANY, GUARDS, Guard
from tests.component.rehearsed_charts import schema
from tests.unit.test_settings_rules import production, told

LIST = {"extraArgs", "additionalArguments", "registries"}
"""Keys of lists."""
DANGEROUS = [
    True,
    "true",
    "role:admin",
    "http://git.example.com/apps",
    "LoadBalancer",
    "VersionTLS10",
    "keep",
    "regex",
    [],
    "tenants",
    "--enable-exec",
    "--disable-auth",
    "--api.insecure",
    "--issuer-ambient-credentials",
]
"""Values, of which every guard refuses some."""


def nested(path: tuple[str, ...], value: Any) -> Any:
    """Return values with one at a path."""
    for before, key in reversed(list(zip((None, *path), path, strict=False))):
        value = ([value] if before in LIST else {"one": value}) if key == ANY else {key: value}
    return value


def place(guard: Guard) -> str:
    text = f"charts.{guard.section}.values"
    for before, key in zip((None, *guard.path), guard.path, strict=False):
        text += ("[0]" if before in LIST else ".one") if key == ANY else f".{key}"
    return text


def chart(section: str) -> str:
    marked = Charts.model_validate({section: {"version": "99.0.0"}})
    (found,) = [pinned.name for pinned in PINNED if pinned.override(marked) == ChartOverride(version="99.0.0")]
    return found


@pytest.mark.parametrize("guard", GUARDS, ids=place)
def test_each_is_refused_in_production_at_its_place_and_nowhere_else(guard: Guard) -> None:
    refused = [value for value in DANGEROUS if guard.opens(value)]
    assert refused, "no value here opens it"
    for value in refused:
        changes = {"charts": {guard.section: {"values": nested(guard.path, value)}}}
        message = told(production(**changes)).get(place(guard), "")
        assert f"got {value!r}; allowed in production: " in message and guard.allowed in message
        assert told(changes) == {}, "a rule of production"


@pytest.mark.parametrize("guard", GUARDS, ids=place)
def test_each_is_a_key_of_the_chart_and_has_a_source(guard: Guard) -> None:
    values = nested(guard.path, "true")
    errors = [error.message for error in Draft7Validator(schema(chart(guard.section))).iter_errors(values)]
    assert not [message for message in errors if "was unexpected" in message]
    assert guard.source.startswith("https://")


@pytest.mark.parametrize(
    ("section", "values", "where"),
    [
        ("argoCd", {"configs": {"rbac": None}}, "configs.rbac"),
        ("traefik", {"providers": {"kubernetesCRD": None}}, "providers.kubernetesCRD"),
        ("externalSecrets", {"rbac": "none"}, "rbac"),
    ],
)
def test_what_takes_away_all_that_guards_is_refused_too(section: str, values: dict[str, Any], where: str) -> None:
    """Helm takes null for a wish to have none of it, the chart's own defaults included."""
    found = told(production(charts={section: {"values": values}}))
    assert f"charts.{section}.values.{where}" in found
    assert "a mapping" in found[f"charts.{section}.values.{where}"]


HARMLESS = {
    "argoCd": {
        "configs": {
            "cm": {"exec.enabled": False, "statusbadge.enabled": True, "kustomize.buildOptions": "--enable-helm"},
            "rbac": {
                "policy.default": "role:readonly",
                "policy.team.csv": "p, role:dev, applications, sync, */*, allow",
            },
            "repositories": {"apps": {"url": "https://git.example.com/apps", "insecure": "false"}},
        },
        "server": {"extraArgs": ["--loglevel=debug"], "service": {"annotations": {}}},
    },
    "traefik": {
        "additionalArguments": ["--api.insecure=false", "--log.level=DEBUG"],
        "providers": {"kubernetesIngress": {"crossProviderNamespaces": ["argocd", "app-shop"]}},
        "ports": {"web": {"forwardedHeaders": {"trustedIPs": ["10.0.0.0/8"]}}},
        "tlsOptions": {"default": {"minVersion": "VersionTLS13"}},
    },
    "certManager": {"extraArgs": ["--issuer-ambient-credentials=false"]},
}


def test_what_opens_nothing_is_taken() -> None:
    charts = {section: {"values": values} for section, values in HARMLESS.items()}
    assert told(production(charts=charts)) == {}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"gitops": {"repoUrl": "http://git.example.com/apps"}}, "gitops.repoUrl"),
        ({"gitops": {"platform": {"repoUrl": "http://git.example.com/p"}}}, "gitops.platform.repoUrl"),
        ({"charts": {"mirror": "http://charts.example.com"}}, "charts.mirror"),
        ({"charts": {"traefik": {"repository": "http://charts.example.com"}}}, "charts.traefik.repository"),
        (
            {"argocd": {"repositories": [{"name": "a", "url": "http://git.example.com", "vaultSecret": "token"}]}},
            "argocd.repositories[0].url",
        ),
    ],
)
def test_nothing_that_runs_is_read_in_plain(changes: dict[str, Any], where: str) -> None:
    assert "allowed in production: https://" in told(production(**changes))[where]
    assert told(changes) == {}


ALLOWED = [
    "p, role:dev, applications, sync, */*, allow",
    "p, role:dev, applications, action/apps/Deployment/restart, team/*, allow",
    'p, role:dev, applications, "action/apps/{Deployment,StatefulSet}/restart", team/*, allow',
    "p, role:dev, *, get, *, allow",
    "p, role:dev, logs, *, */*, allow",
    "p, role:dev, applications, action/*, */*, deny",
    "p, role:admin, applications, *, */*, allow",
    "g, a group, role:dev",
]
REFUSED = [
    "p, role:dev, applications, *, */*, allow",
    "p, role:dev, *, *, *, allow",
    "p, role:dev, app*, action/*, */*, allow",
    "p, role:dev, applications, action/*, */*, allow",
    "p, role:dev, applications, action/apps/Deployment/scale, */*, allow",
    "p, role:dev, applications, action/batch/CronJob/create-job, */*, allow",
    "p, role:dev, applications, a*, */*, allow",
    'p, role:dev, applications, "{sync,action/*}", */*, allow',
    "p, role:dev, applications, ?ction/x/y/z, */*, allow",
    r"p, role:dev, \applications*, action/*, */*, allow",
    f'p, role:dev, applications, "{"{a,b}" * 30}", */*, allow',
]


@pytest.mark.parametrize("line", [*ALLOWED, *REFUSED])
def test_on_the_page_users_may_restart_and_do_nothing_else_to_what_runs(line: str) -> None:
    assert (beyond_restart(line) is not None) is (line in REFUSED)
    found = told(production(argocd={"policies": [line]}))
    assert ("argocd.policies[0]" in found) is (line in REFUSED)
    assert told({"argocd": {"policies": [line]}}) == {}
    charts = {"argoCd": {"values": {"configs": {"rbac": {"policy.dev.csv": f"# of the team\n{line}\n"}}}}}
    of_chart = told(production(charts=charts))
    assert ("charts.argoCd.values.configs.rbac.policy.dev.csv" in of_chart) is (line in REFUSED)


@pytest.mark.parametrize(
    "line", [r"p, role:dev, applications, \action/*, */*, allow", f"p, {'{a}' * 2000}, {'x' * 140_000}, *, *, allow"]
)
def test_what_argo_cd_could_take_for_an_action_is_refused_of_a_chart(line: str) -> None:
    charts = {"argoCd": {"values": {"configs": {"rbac": {"policy.csv": line}}}}}
    assert "charts.argoCd.values.configs.rbac.policy.csv" in told(production(charts=charts))


def test_administrators_may_do_more() -> None:
    group = "9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12"
    line = f"p, {group}, applications, action/*, */*, allow"
    assert told(production(argocd={"policies": [line]})) == {}, "it is one of signIn.adminGroups"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost"])
def test_what_does_not_leave_the_machine_needs_no_encryption(host: str) -> None:
    """A rehearsal serves its charts on loopback."""
    assert told(production(charts={"mirror": f"http://{host}"})) == {}
    assert told(production(charts={"mirror": "http://127.0.0.1.example.com"}))
