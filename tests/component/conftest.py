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
from bootstrap.stackfile import read_stack
from settings.merge import merge

ROOT = Path(__file__).resolve().parents[2]


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
        return earlier.urn in ancestors(self.evaluation, later.urn)

    def release(self, chart: str) -> Registration:
        found = [r for r in self.several("helm.sh/v3:Release") if r.inputs["name"] == chart]
        assert len(found) == 1
        return found[0]


@cache
def _evaluated(stack: str, overrides: str) -> Program:
    changes = json.loads(overrides)
    given = read_stack(ROOT, stack).values
    changed = {}
    for key, value in changes.items():
        full = f"aks-bootstrap:{key}"
        whole = merge(json.loads(given.get(full, "{}")), value) if isinstance(value, dict) else value
        changed[full] = whole if isinstance(whole, str) else json.dumps(whole)
    return Program(evaluate(ROOT, stack, changed))


@pytest.fixture(scope="session")
def program() -> Callable[..., Program]:
    """Evaluate a stack with some settings changed: ``program("dev", cluster={"generation": 2})``."""

    def run(stack: str, **changes: Any) -> Program:
        return _evaluated(stack, json.dumps(changes, sort_keys=True))

    return run


@pytest.fixture(scope="session")
def dev(program: Callable[..., Program]) -> Program:
    return program("dev")


@pytest.fixture(scope="session")
def prod(program: Callable[..., Program]) -> Program:
    return program("prod")


@pytest.fixture(scope="session")
def local(program: Callable[..., Program]) -> Program:
    return program("local")
