"""Every check, in the order in which findings are shown; tests iterate over it."""

from bootstrap.platform.verify.checks import (
    addons,
    argocd,
    azure,
    certificates,
    egress,
    https,
    names,
    network,
    pod_security,
    pods,
    secrets,
    webhooks,
    workloads,
)
from bootstrap.platform.verify.target import Check

CHECKS: tuple[Check, ...] = (
    addons.CHECK,
    webhooks.CHECK,
    workloads.CHECK,
    secrets.CHECK,
    certificates.CHECK,
    https.CHECK,
    names.CHECK,
    argocd.CHECK,
    pods.CHECK,
    network.CHECK,
    egress.CHECK,
    pod_security.CHECK,
    azure.CHECK,
)
