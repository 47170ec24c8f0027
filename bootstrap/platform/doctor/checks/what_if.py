"""Azure's own preflight on the plan's template: every resource provider and every policy, and nothing is created."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.polling import LROPoller
from azure.mgmt.resource.deployments import models

from bootstrap.platform.doctor.azure import Clients
from bootstrap.platform.doctor.needs import Needs
from bootstrap.platform.findings import Finding, blocked, fine, unknown

CHECK = "what-if"
SECONDS = 300
"""Both questions together."""
_NAME = "aks-bootstrap-doctor"


def what_if(needs: Needs, clients: Clients, template: dict[str, Any], seconds: float = SECONDS) -> Iterator[Finding]:
    """Ask Azure to validate the plan's template, and what it would change.

    It takes the right to write deployments: Contributor, or a custom role with ``Microsoft.Resources/deployments/*``.
    https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-what-if#required-permissions
    """
    ends = time.monotonic() + seconds
    deployments = clients.deployments.deployments
    incremental = models.DeploymentMode.INCREMENTAL
    for name, begin in (
        (
            "validate",
            lambda: deployments.begin_validate_at_subscription_scope(
                _NAME,
                models.Deployment(
                    location=needs.location,
                    properties=models.DeploymentProperties(template=template, mode=incremental),
                ),
            ),
        ),
        (
            "what-if",
            lambda: deployments.begin_what_if_at_subscription_scope(
                _NAME,
                models.DeploymentWhatIf(
                    location=needs.location,
                    properties=models.DeploymentWhatIfProperties(
                        template=template,
                        mode=incremental,
                        what_if_settings=models.DeploymentWhatIfSettings(
                            result_format=models.WhatIfResultFormat.RESOURCE_ID_ONLY
                        ),
                    ),
                ),
            ),
        ),
    ):
        by_hand = (
            f"bootstrap plan --stack {needs.stack} --arm-template > plan.json && az deployment sub {name} "
            f"--location {needs.location} --template-file plan.json"
        )
        try:
            result = _within(begin(), ends)
        except HttpResponseError as error:
            if error.status_code in {401, 403}:
                yield unknown(CHECK, name, "no right to ask", by_hand)
                return
            if error.error is None or not 400 <= (error.status_code or 0) < 500 or error.status_code in {408, 429}:
                raise
            yield from _errors(needs, _details(error.error))
            return
        if result is None:
            yield unknown(CHECK, name, f"no answer within {seconds:.0f} s", by_hand)
            return
        if result.error is not None:
            yield from _errors(needs, _details(result.error))
            return
        yield fine(
            CHECK, name, _describe(result) if name == "what-if" else "every resource provider and every policy takes it"
        )


def _describe(result: models.WhatIfOperationResult) -> str:
    counts: dict[str, int] = {}
    for change in (result.properties and result.properties.changes) or ():
        kind = str(getattr(change.change_type, "value", change.change_type))
        counts[kind] = counts.get(kind, 0) + 1
    return ", ".join(f"{number} {kind.lower()}" for kind, number in sorted(counts.items())) or "no change"


def _within(poller: LROPoller[Any], ends: float) -> Any:
    """Return an operation's result; None where it does not end in time."""
    poller.wait(max(0.0, ends - time.monotonic()))
    return poller.result() if poller.done() else None


def _errors(needs: Needs, details: Sequence[tuple[str, str, str]]) -> Iterator[Finding]:
    for code, message, target in details:
        remedy = (
            f"az policy assignment list --subscription {needs.subscription_id} --output table"
            if "Policy" in code
            else f"bootstrap plan --stack {needs.stack} --arm (the request that is refused)"
        )
        yield blocked(CHECK, target or "template", f"{code}: {message}", remedy)


def _details(error: Any) -> list[tuple[str, str, str]]:
    """Return the innermost errors, each with code, message and target."""
    if error is None:
        return [("Unknown", "Azure gave no reason", "")]
    inner = [found for each in error.details or () for found in _details(each)]
    return inner or [(str(error.code), str(error.message), str(error.target or ""))]
