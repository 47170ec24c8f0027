"""Runs the checks, all at once, and prints what they find."""

import datetime as dt
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import dns.resolver
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError
from dns.exception import DNSException
from rich.console import Console

from bootstrap.platform.doctor.azure import Clients, credential_from_environment
from bootstrap.platform.doctor.checks import charts, machine, names, offers, roles, sign_in, what_if
from bootstrap.platform.doctor.findings import Diagnosis
from bootstrap.platform.doctor.needs import Needs
from bootstrap.platform.findings import Finding, Verdict, counted, first_line, print_findings, unknown
from bootstrap.platform.plan import arm
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.run import TOOLS, Choice, choose_state, settings_of

Question: TypeAlias = "tuple[str, Callable[[], Iterable[Finding]]]"
"""A check's name, and what asks it."""

_THREADS = 24


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the checks ask besides Azure."""

    root: Path
    """The project."""
    state: str
    """URL of Pulumi's backend."""
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    resolver: dns.resolver.Resolver | None = None
    """Asks DNS; the machine's own by default."""
    today: dt.date = field(default_factory=lambda: dt.datetime.now(dt.UTC).date())


def examine(root: Path, stack: str, *, console: Console, preflight: bool = False) -> Diagnosis:
    """Ask whether a stack's plan could be deployed from here; nothing is changed.

    Args:
        root: the project.
        stack: an Azure stack's name.
        console: where progress is shown.
        preflight: whether Azure validates the plan's template too, which takes minutes and the right to deploy.

    Raises:
        BootstrapError: the stack's files cannot be read, or the stack is not in Azure.
    """
    needs = Needs(settings_of(root, stack, deployed=True), evaluation := evaluate(root, stack))
    clients = Clients(needs.subscription_id, credential_from_environment(str(needs.azure.tenant_id)))
    chosen = choose_state(root)
    surroundings = Surroundings(
        root=root,
        state=chosen.url,
        environment=_environment(root, chosen),
    )
    template = arm.template(evaluation) if preflight else None
    return diagnose(needs, clients, surroundings, console=console, template=template)


def _environment(root: Path, state: Choice) -> dict[str, str]:
    """Return the variables that `make up` runs Pulumi with; it may have installed it for this project."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(root / TOOLS / "pulumi" / "bin")])
    return {**os.environ, **state.environment, "PATH": path}


def diagnose(
    needs: Needs,
    clients: Clients,
    surroundings: Surroundings,
    *,
    console: Console,
    template: dict[str, Any] | None = None,
) -> Diagnosis:
    """Run every check, at the same time; Azure's preflight last, where a template is given."""
    begun = time.monotonic()
    findings: list[Finding] = []
    with console.status("asking") as status, ThreadPoolExecutor(max_workers=_THREADS) as threads:
        found = _answers([(sign_in.CHECK, lambda: sign_in.sign_in(needs, clients))], threads, status.update)
        findings += found
        signed_in = all(each.verdict is Verdict.FINE for each in found)
        questions = _of_the_machine(needs, clients, surroundings, signed_in=signed_in)
        if signed_in:
            questions += _of_azure(needs, clients, surroundings)
        findings += _answers(questions, threads, status.update)
        if template is not None and signed_in:
            status.update("waiting for Azure's preflight: five minutes at most")
            preflight = [(what_if.CHECK, lambda: what_if.what_if(needs, clients, template))]
            findings += _answers(preflight, threads, status.update)
    return Diagnosis(
        stack=needs.stack, findings=findings, calls=clients.calls, seconds=round(time.monotonic() - begun, 1)
    )


def _of_the_machine(needs: Needs, clients: Clients, around: Surroundings, *, signed_in: bool) -> list[Question]:
    found: list[Question] = [
        ("tools", lambda: machine.tools(needs, around.environment)),
        ("ends", lambda: offers.ends(needs, around.today)),
        *(("charts", lambda each=each: charts.chart(each)) for each in needs.charts),
    ]
    if signed_in:
        found.append(("reach", lambda: machine.reach(needs, clients)))
        found.append(("state", lambda: machine.state(needs, clients, around.state, around.root, around.environment)))
    return found


def _of_azure(needs: Needs, clients: Clients, around: Surroundings) -> list[Question]:
    return [
        ("roles", lambda: roles.roles(needs, clients)),
        *(("providers", lambda each=each: offers.provider(needs, clients, each)) for each in needs.namespaces),
        ("sizes", lambda: offers.sizes_and_quotas(needs, clients)),
        ("addresses", lambda: offers.addresses(needs, clients)),
        ("kubernetes", lambda: offers.kubernetes(needs, clients)),
        ("names", lambda: names.names(needs, clients)),
        ("dns", lambda: names.delegation(needs, clients, around.resolver or dns.resolver.Resolver())),
    ]


def _answers(
    questions: Sequence[Question], threads: ThreadPoolExecutor, progress: Callable[[str], None]
) -> list[Finding]:
    """Ask, and return the answers in the questions' order."""
    asked: dict[Future[list[Finding]], int] = {
        threads.submit(_ask, name, ask): number for number, (name, ask) in enumerate(questions)
    }
    for done, _ in enumerate(as_completed(asked), 1):
        progress(f"asking: {done} of {len(questions)} answered")
    return [finding for future in sorted(asked, key=lambda each: asked[each]) for finding in future.result()]


def _ask(name: str, ask: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Ask one question; what cannot be asked is no finding against the plan."""
    try:
        return list(ask())
    except (ServiceRequestError, ServiceResponseError) as error:
        return [unknown(name, "Azure", f"no answer: {first_line(error)}")]
    except (OSError, DNSException) as error:
        return [unknown(name, "this machine", f"cannot be asked: {first_line(error)}")]
    except HttpResponseError as error:
        if error.status_code is None:  # a credential that got no token
            return [unknown(name, "Azure", f"no sign-in: {first_line(error)}")]
        code = error.error.code if error.error is not None else None
        if error.status_code in {401, 403}:
            return [unknown(name, "Azure", f"no right to ask ({code or error.status_code}): {first_line(error)}")]
        return [unknown(name, "Azure", f"no answer ({code or error.status_code}): {first_line(error)}")]


def print_diagnosis(found: Diagnosis, console: Console) -> None:
    """Print findings as a table: passed checks on one line each, the rest in full."""
    print_findings(found.findings, console, good=_together)
    console.print(f"\n{counted(found.findings)}; {len(found.calls)} questions to Azure in {found.seconds} s")


def _together(good: list[Finding]) -> str:
    if len(good) == 1:
        return f"{good[0].subject}: {good[0].detail}"
    return ", ".join(each.subject for each in good)
