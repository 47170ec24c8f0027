"""Runs the real program of a real stack file under the recorder, once for each set of settings."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.plan.graph import ancestors
from bootstrap.platform.plan.registration import Evaluation, Registration
from bootstrap.platform.policy.plan import stack_of
from bootstrap.stackfile import read_stack
from policy.resource import Stack
from settings.merge import merge

ROOT = Path(__file__).resolve().parents[2]

UPDATING: dict[str, Any] = {
    "registry": {"mode": "create"},
    "argocd": {
        "imageUpdaterWriteBack": "git",
        "repositories": [{"name": "apps", "url": "https://github.com/example", "vaultSecret": "token"}],
    },
}
"""Settings that install the one addon that is off by default."""

REPORTING: dict[str, Any] = {
    "argocd": {"notifications": {"githubApp": {"appId": 1, "installationId": 2, "vaultSecret": "app-key"}}}
}
"""Settings that report at commits what became of them."""

ALERTING: dict[str, Any] = {"observability": {"alerts": {"emails": ["ops@example.com", "sre@example.com"]}}}
"""Settings that tell people of changes that weaken the environment."""

BACKED_UP: dict[str, Any] = {"backup": {"enabled": True, "everyHours": 6, "retentionDays": 30}, **ALERTING}
"""Settings that back volumes up, and tell people of backups that fail."""

PRIVATE: dict[str, Any] = {"network": {"privateEndpointSubnetCidr": "10.20.17.0/28"}}
"""Settings that give the vault and the registry private endpoints."""

STACKS: dict[str, tuple[str, dict[str, Any]]] = {
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "local": ("local", {}),
    "dev, updating images": ("dev", UPDATING),
    "dev, reporting": ("dev", REPORTING),
    "prod, updating images": ("prod", UPDATING),
    "prod, alerting": ("prod", ALERTING),
    "dev, backed up": ("dev", BACKED_UP),
    "prod, backed up": ("prod", BACKED_UP),
    "prod, private": ("prod", {**PRIVATE, "keyVault": {"allowedIpRanges": []}}),
    "local, updating images": ("local", {"argocd": UPDATING["argocd"], "gitops": {"source": "git"}}),
}
"""Stacks and changes that between them install every addon."""


@dataclass(frozen=True)
class Program:
    """What the program registered, with the questions that tests ask of it."""

    evaluation: Evaluation

    @property
    def all(self) -> list[Registration]:
        return self.evaluation.registrations

    @property
    def custom(self) -> list[Registration]:
        return [r for r in self.all if r.custom and not r.type.startswith("pulumi:providers:")]

    def one(self, type_: str, name: str | None = None) -> Registration:
        """Return the only resource whose type ends so, and whose name is so."""
        found = self.several(type_, name)
        assert len(found) == 1, (
            f"{type_} {name}: {[r.urn for r in found]} among {[r.type + ' ' + r.name for r in self.all]}"
        )
        return found[0]

    def several(self, type_: str, name: str | None = None) -> list[Registration]:
        return [r for r in self.all if r.type.endswith(type_) and name in (None, r.name)]

    def waits_for(self, later: Registration, earlier: Registration) -> bool:
        return earlier.urn in self.before(later)

    def before(self, resource: Registration) -> set[str]:
        """URNs of everything that a resource waits for."""
        return ancestors(self.evaluation, resource.urn)

    @property
    def releases(self) -> list[Registration]:
        """Every Helm release, in the program's order."""
        return self.several("kubernetes:helm.sh/v3:Release")

    def release(self, chart: str) -> Registration:
        found = [r for r in self.releases if r.inputs["name"] == chart]
        assert len(found) == 1
        return found[0]

    def cluster_provider(self, *, crds: bool = False) -> Registration:
        """The provider of objects in the cluster, or that of CRDs, which takes over those that are there."""
        found = [
            r
            for r in self.several("pulumi:providers:kubernetes")
            if bool(r.inputs.get("upsertExistingObjects")) is crds
        ]
        assert len(found) == 1
        return found[0]

    @property
    def addons(self) -> list[Registration]:
        """The components directly below the stack that have objects in the cluster, in the program's order."""
        index = self.evaluation.by_urn()
        return [r for r in self.all if not r.custom and r.parent not in index and self.objects(r)]

    def objects(self, component: Registration) -> list[Registration]:
        """Every object in the cluster below a component."""
        return [r for r in self.custom if r.type.startswith("kubernetes:") and component.urn in self.above(r)]

    def above(self, resource: Registration) -> list[str]:
        """URNs of the components around a resource, innermost first."""
        index, found = self.evaluation.by_urn(), []
        while resource.parent in index:
            found.append(resource.parent)
            resource = index[resource.parent]
        return found


@cache
def _evaluated(stack: str, overrides: str) -> Program:
    return Program(evaluate(ROOT, stack, configured(stack, json.loads(overrides))))


def configured(stack: str, changes: dict[str, Any]) -> dict[str, str]:
    """Return the configuration of a stack file with some settings changed, as Pulumi hands it over."""
    given = read_stack(ROOT, stack).values
    changed = {}
    for key, value in changes.items():
        full = f"aks-bootstrap:{key}"
        whole = merge(json.loads(given.get(full, "{}")), value) if isinstance(value, dict) else value
        changed[full] = whole if isinstance(whole, str) else json.dumps(whole)
    return changed


@pytest.fixture(scope="session")
def program() -> Callable[..., Program]:
    """Evaluate a stack with some settings changed: ``program("dev", cluster={"generation": 2})``."""

    def run(stack: str, **changes: Any) -> Program:
        return _evaluated(stack, json.dumps(changes, sort_keys=True))

    return run


@pytest.fixture(scope="session", params=STACKS)
def each(request: pytest.FixtureRequest, program: Callable[..., Program]) -> Program:
    """Every kind of stack in turn, so that every addon is met."""
    stack, changes = STACKS[request.param]
    return program(stack, **changes)


@pytest.fixture(scope="session")
def every_program(program: Callable[..., Program]) -> Callable[[str], Program]:
    """Evaluate one of :data:`STACKS` by its name."""

    def run(name: str) -> Program:
        stack, changes = STACKS[name]
        return program(stack, **changes)

    return run


@pytest.fixture
def production(prod: Program) -> Callable[[], Stack]:
    """Return production's plan as the rules of policy/ see it."""
    return lambda: stack_of(prod.evaluation)


@pytest.fixture(scope="session")
def dev(program: Callable[..., Program]) -> Program:
    return program("dev")


@pytest.fixture(scope="session")
def prod(program: Callable[..., Program]) -> Program:
    return program("prod")


@pytest.fixture(scope="session")
def local(program: Callable[..., Program]) -> Program:
    return program("local")
