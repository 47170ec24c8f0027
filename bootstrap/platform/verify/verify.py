"""Runs the checks, all at once, each in its time, and removes what they made."""

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path

from dns.exception import DNSException
from rich.console import Console

from bootstrap.platform.findings import Finding, failed, unknown
from bootstrap.platform.run import Run
from bootstrap.platform.verify.checks import CHECKS
from bootstrap.platform.verify.cluster import ClusterError, EndedError
from bootstrap.platform.verify.connect import connect, target_of
from bootstrap.platform.verify.report import Report
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import NAMESPACE

_GRACE_SECONDS = 30.0
"""How much longer than its time a check may take: a request that it has sent is waited for."""


def verify(root: Path, stack: str, *, console: Console, egress_url: str = "") -> Report:
    """Check the cluster of a stack end to end.

    Nothing is changed but objects of its own, which are gone when this returns.

    Args:
        root: the project.
        stack: the stack's name.
        console: where progress is shown.
        egress_url: answers with the address that a request came from.

    Raises:
        BootstrapError: the stack's files cannot be read, its cluster does not answer, or another run is at work.
    """
    return examine(connect(root, stack, console), console=console, egress_url=egress_url)


def verify_run(run: Run) -> Report:
    """Ask the same of the stack that a run has just deployed."""
    return examine(replace(target_of(run), just_deployed=True), console=run.console)


def examine(target: Target, *, console: Console, egress_url: str = "", checks: Sequence[Check] = CHECKS) -> Report:
    """Run the checks that a stack has something for."""
    begun = time.monotonic()
    target = replace(target, egress_url=egress_url, run=secrets.token_hex(3))
    asked = [check for check in checks if check.applies(target)]
    findings: list[Finding] = []
    with console.status("asking") as status:
        try:
            target.workspace.open()
            findings += _answers(asked, target, status.update)
        finally:
            target.cluster.ended.set()
            status.update(f"removing the namespace {NAMESPACE}")
            left = target.workspace.close()
    if left:
        findings.append(
            failed(
                "clean-up",
                f"namespace {NAMESPACE}",
                left,
                cause="something in the cluster keeps what is deleted from going, for other namespaces too",
                remedy=target.kube("get", "namespace", NAMESPACE, "-o", "yaml"),
            )
        )
    return Report(stack=target.stack, findings=findings, seconds=round(time.monotonic() - begun, 1))


def _answers(checks: Sequence[Check], target: Target, progress: Callable[[str], None]) -> list[Finding]:
    """Ask, and return the answers in the checks' order."""
    threads = ThreadPoolExecutor(max_workers=max(len(checks), 1))
    begun = time.monotonic()
    asked: dict[Future[list[Finding]], Check] = {threads.submit(_ask, check, target): check for check in checks}
    found: dict[str, list[Finding]] = {}
    pending = set(asked)
    try:
        while pending:
            names = ", ".join(check.name for future, check in asked.items() if future in pending)
            progress(f"asking: {len(asked) - len(pending)} of {len(asked)} answered; waiting for {names}")
            done, pending = wait(pending, timeout=1, return_when=FIRST_COMPLETED)
            for future in done:
                found[asked[future].name] = future.result()
            for future in [each for each in pending if time.monotonic() > begun + asked[each].seconds + _GRACE_SECONDS]:
                check = asked[future]
                detail = f"no answer within {check.seconds + _GRACE_SECONDS:.0f} s"
                found[check.name] = [unknown(check.name, "the check", detail)]
                pending.discard(future)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    return [finding for check in checks for finding in found[check.name]]


def _ask(check: Check, target: Target) -> list[Finding]:
    """Ask one question; what cannot be asked is no finding against the cluster, and none for it."""
    found: list[Finding] = []
    try:
        if check.makes_objects and target.workspace.missing:
            found.append(unknown(check.name, "the check", target.workspace.missing))
        else:
            found.extend(check.ask(target))  # what it found before it stumbles is kept
    except EndedError:
        found.append(unknown(check.name, "the check", "the run ended before"))
    except ClusterError as error:
        detail = f"no right to ask: {error}" if error.no_right else f"the API server refuses the question: {error}"
        found.append(unknown(check.name, "the check", detail))
    except (OSError, DNSException) as error:
        detail = f"this machine cannot ask: {str(error) or type(error).__name__}"
        found.append(unknown(check.name, "the check", detail))
    except Exception as error:
        # whatever forms objects have in somebody's cluster: one check that stumbles must not end the others
        detail = f"it ended before its time: {type(error).__name__}: {str(error)[:200]}"
        found.append(unknown(check.name, "the check", detail))
    return [replace(each, asked=each.asked or check.does) for each in found]
