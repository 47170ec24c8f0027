"""The policy pack, asked over gRPC as the engine asks it: Pulumi's own server judges the same as ``bootstrap policy``.

The server runs in the pack's environment, which `make pack` sets up.
"""

import datetime as dt
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2  # type: ignore[import-untyped] # comes with Pulumi, without stubs
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.policy.plan import stack_of
from bootstrap.platform.policy.report import exceptions
from policy.finding import findings
from policy.resource import Resource, Stack, is_unknown
from policy.rules import every_rule
from tests.policy_cases import CASES

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policy" / "pack"
PYTHON = ROOT / ".tools" / "pack" / "bin" / "python"

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the policy pack is not set up: `make pack` does it")

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine sends for text that is not known: pulumi/sdk/python/lib/pulumi/runtime/rpc.py."""


@dataclass(frozen=True)
class Analyzer:
    """The pack's server."""

    stub: Any

    def violations(self, stack: Stack, unchanged: Sequence[Resource] = ()) -> list[tuple[str, str]]:
        """Ask as the engine does: about every resource, then about all of them; return rules and URNs."""
        found = []
        for resource in stack.resources:
            if any(resource is each for each in unchanged):
                continue  # the server takes its time, and has judged it
            answer = self.stub.Analyze(
                analyzer_pb2.AnalyzeRequest(
                    urn=resource.urn, type=resource.type, name=resource.name, properties=struct(resource)
                )
            )
            found += list(answer.diagnostics)
        answer = self.stub.AnalyzeStack(
            analyzer_pb2.AnalyzeStackRequest(resources=[in_stack(resource) for resource in stack.resources])
        )
        found += list(answer.diagnostics)
        mandatory = analyzer_pb2.MANDATORY
        assert [each.message for each in found if each.enforcementLevel != mandatory] == []
        return sorted((each.policyName, each.urn) for each in found)


def struct(resource: Resource) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(as_sent(resource.properties))
    return made


def as_sent(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_sent(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_sent(item) for item in value]
    return UNKNOWN if is_unknown(value) else value


def in_stack(resource: Resource) -> analyzer_pb2.AnalyzerResource:
    return analyzer_pb2.AnalyzerResource(
        urn=resource.urn,
        type=resource.type,
        name=resource.name,
        properties=struct(resource),
        propertyDependencies={
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns) for key, urns in resource.references.items()
        },
    )


@pytest.fixture(scope="module")
def analyzer() -> Iterator[Analyzer]:
    process = subprocess.Popen(
        [PYTHON, "-u", "-m", "pulumi.policy", "127.0.0.1:0", str(PACK)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port = process.stdout.readline().strip()
        assert re.fullmatch(r"\d+", port), f"the pack does not start: {port}"
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Analyzer(analyzer_pb2_grpc.AnalyzerStub(channel))
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def offline(stack: Stack) -> list[tuple[str, str]]:
    today = dt.datetime.now(dt.UTC).date()
    found = findings(stack, every_rule(), exceptions())
    return sorted((each.rule.name, each.resource.urn) for each in found if not each.explained(today))


def test_the_pack_has_every_rule_as_a_mandatory_policy(analyzer: Analyzer) -> None:
    info = analyzer.stub.GetAnalyzerInfo(empty_pb2.Empty())
    assert {each.name: each.enforcementLevel for each in info.policies} == {
        each.name: analyzer_pb2.MANDATORY for each in every_rule()
    }


@pytest.mark.parametrize("stack", ["prod", "dev", "local"])
def test_the_plans_pass(analyzer: Analyzer, stack: str) -> None:
    assert analyzer.violations(stack_of(evaluate(ROOT, stack))) == []


@pytest.mark.parametrize("number", sorted({case.number for case in CASES}))
def test_what_is_refused_offline_is_refused_by_the_pack(
    analyzer: Analyzer, number: int, production: Callable[[], Stack]
) -> None:
    """Cases are put together, as the server takes its time for each stack."""
    before = stack = production()
    cases = [case for case in CASES if case.number == number]
    for case in cases:
        stack = case.apply(stack)
    asked = analyzer.violations(stack, before.resources)
    assert asked == offline(stack)
    excepted = {each.check for each in exceptions() if re.fullmatch(each.stacks, stack.name)}
    assert {case.rule for case in cases} <= {name for name, _ in asked} | excepted
