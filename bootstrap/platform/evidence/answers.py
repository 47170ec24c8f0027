"""What answers each control for one stack: a planned property, an exception, or nothing."""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.platform.evidence.controls import Benchmark, Control, Must, Planned, read_benchmarks
from bootstrap.platform.plan.registration import Evaluation
from bootstrap.platform.policy.plan import stack_of
from bootstrap.platform.policy.report import exceptions, judged
from policy.exceptions import ExceptionEntry, exception_for
from policy.finding import PolicyFinding
from policy.resource import Stack
from policy.rules import every_rule


class NoClusterError(BootstrapError):
    """The stack has no AKS cluster, which the benchmarks are about."""


class Status(StrEnum):
    """How a control stands."""

    MET = "met"
    EXCEPTION = "exception"
    UNMET = "unmet"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One property of one resource, or one rule, and whether it is as it has to be."""

    resource: str
    """Logical name; empty for a rule about all resources."""
    path: str
    value: Any
    holds: bool
    rule: str | None = None
    exception: ExceptionEntry | None = None
    """Why it may be otherwise."""


@dataclass(frozen=True, kw_only=True)
class LiveValue:
    """What was read from Azure or the cluster."""

    value: Any = None
    holds: bool | None = None
    """None where it could not be read."""
    note: str = ""
    """Why not."""


NOT_ASKED = LiveValue(note="not asked")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What answers a control."""

    benchmark: Benchmark
    control: Control
    status: Status
    shown: Sequence[Shown]
    exceptions: Sequence[ExceptionEntry]
    """Those that stand for what is not met, or did until their time was up."""
    live: LiveValue = NOT_ASKED

    @property
    def id(self) -> str:
        """What exceptions call the control."""
        return f"{self.benchmark.id}-{self.control.id}"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The answers for a stack on a day."""

    stack: str
    today: dt.date
    benchmarks: Sequence[Benchmark]
    answers: Sequence[Answer]

    @property
    def unmet(self) -> list[Answer]:
        """Controls that nothing answers."""
        return [each for each in self.answers if each.status is Status.UNMET]


Ask = Callable[[Control], LiveValue]
"""Reads a control's live value."""


def evidence(evaluation: Evaluation, *, today: dt.date | None = None, ask: Ask | None = None) -> Evidence:
    """Return what answers each control.

    Args:
        evaluation: what the program registered.
        today: the date that exceptions are held to; today's where it is left out.
        ask: reads live values; none is read where it is left out.

    Raises:
        NoClusterError: the stack has no AKS cluster.
        ControlsError: the list of controls cannot be read.
        RulesError: a file of rules cannot be read.
    """
    stack = stack_of(evaluation)
    if not any(stack.of_type("containerservice:ManagedCluster")):
        raise NoClusterError(f"stack {stack.name} has no AKS cluster, which the controls are about")
    today = today or dt.datetime.now(dt.UTC).date()
    entries, benchmarks = exceptions(), read_benchmarks()
    by_rule: dict[str, list[PolicyFinding]] = {each.name: [] for each in every_rule()}
    for finding in judged(stack, every_rule(), entries):
        by_rule[finding.rule.name].append(finding)
    known = _Known(stack=stack, by_rule=by_rule, exceptions=entries, today=today)
    return Evidence(
        stack=stack.name,
        today=today,
        benchmarks=benchmarks,
        answers=[_answer(benchmark, control, known, ask) for benchmark in benchmarks for control in benchmark.controls],
    )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is known of a stack, which every control is held to."""

    stack: Stack
    by_rule: Mapping[str, Sequence[PolicyFinding]]
    exceptions: Sequence[ExceptionEntry]
    today: dt.date


def _answer(benchmark: Benchmark, control: Control, known: _Known, ask: Ask | None) -> Answer:
    shown = [each for planned in control.planned for each in _shown(planned, known)]
    live = ask(control) if ask and control.live else NOT_ASKED
    wrong = [each for each in shown if not each.holds]
    if control.planned and not wrong and live.holds is not False:
        return Answer(benchmark=benchmark, control=control, status=Status.MET, shown=shown, exceptions=(), live=live)
    own = exception_for(f"{benchmark.id}-{control.id}", "", known.stack.name, known.exceptions)
    # a rule's exception explains what is planned, and nothing that is found to be otherwise
    of_rules = [each.exception for each in wrong] if live.holds is not False else []
    used = [own] if own else list(dict.fromkeys(each for each in of_rules if each)) if all(of_rules) else []
    stands = bool(used) and all(each.stands(known.today) for each in used)
    status = Status.EXCEPTION if stands else Status.UNMET
    return Answer(benchmark=benchmark, control=control, status=status, shown=shown, exceptions=used, live=live)


def _shown(planned: Planned, known: _Known) -> list[Shown]:
    found = known.by_rule[planned.rule] if planned.rule else ()
    if planned.of is None:
        holds = not found
        value = "every resource keeps it" if holds else "; ".join(dict.fromkeys(each.message for each in found))
        exception = next((each.exception for each in found), None) if all(each.exception for each in found) else None
        return [Shown(resource="", path="", value=value, holds=holds, rule=planned.rule, exception=exception)]
    path, shown = planned.path or "", []
    for resource in known.stack.of_type(planned.of):
        if re.search(planned.name, resource.name):
            value = resource.get(path)
            own = [each for each in found if each.resource is resource]
            holds = meets(value, planned.must) if planned.must else not own
            excepted = own[0].exception if own and all(each.exception for each in own) else None
            shown.append(
                Shown(
                    resource=resource.name, path=path, value=value, holds=holds, rule=planned.rule, exception=excepted
                )
            )
    if not shown:
        kind = planned.of.rsplit(":", 1)[-1]
        shown.append(Shown(resource="", path=path, value=f"no {kind} in this stack", holds=planned.optional))
    return shown


def meets(value: Any, must: Must) -> bool:
    """Tell whether a value is what it has to be."""
    [kind] = must.model_fields_set
    if kind == "contains":
        items = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        return any(str(must.contains).lower() in str(item).lower() for item in items)
    empty = value in (None, "", [], {})
    if kind in ("present", "absent"):
        return empty is (kind == "absent")
    return bool(value == must.equals) if kind == "equals" else bool(value is not None and value != must.differs)
