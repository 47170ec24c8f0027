"""The clusters that get applications: one for each stack file, with what the file says of them.

A stack file is not taken apart by the program's settings here, which would load the SDK: it is read for what delivery
needs, and its mistakes are the settings' to report.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from application_template import layers
from bootstrap.delivery.gitops import NAME, NAMES
from bootstrap.errors import GitOpsError
from bootstrap.stackfile import read_stack, stack_names
from conventions import (
    DEFAULT_ISSUER,
    DEFAULT_KUBERNETES_VERSION,
    DEFAULT_REVISION,
    INGRESS_CLASS,
    NAMESPACE,
    PRODUCTION_ISSUER,
    SECRET_STORE,
)

AFTER_UP = {
    "cluster-name": "known-after-up",
    "vault-uri": "https://known-after-up.invalid/",
    "external-secrets-client-id": "00000000-0000-0000-0000-000000000000",
}
"""Facts that only a cluster's own Argo CD has, as they are rendered here."""


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster, and how its applications are found."""

    name: str
    """The stack's."""
    environment: str
    """Environment of its applications; clusters in several regions share one."""
    layers: Sequence[str]
    """Names of the values files that are laid over the base, in this order."""
    repo_url: str
    revision: str
    production: bool
    facts: dict[str, str]
    """Facts of the infrastructure, as far as the stack file tells them; see :data:`AFTER_UP`."""


def cluster_names(root: Path) -> list[str]:
    """Return the names of the stacks that have a file, of those that can be a folder's in ``gitops/``."""
    return [name for name in stack_names(root) if NAME.fullmatch(name)]


def known_environments(root: Path) -> list[str]:
    """Return the environments of all clusters.

    Raises:
        StackFileError: a stack file is not what Pulumi takes.
        GitOpsError: one says something else of its cluster than text.
    """
    return sorted({read_cluster(root, name).environment for name in cluster_names(root)})


def read_cluster(root: Path, name: str) -> Cluster:
    """Read what a stack file says of its cluster.

    Raises:
        StackFileError: it is not what Pulumi takes.
        GitOpsError: it says something else of the cluster than text, or of ``production`` than true or false.
    """
    if name not in cluster_names(root):
        there = ", ".join(cluster_names(root)) or "none"
        raise GitOpsError(f"there is no environment {name!r}, of which there would be a Pulumi.{name}.yaml: {there}")
    section = stack_section(root, name, "gitops")

    def text(key: str, default: str = "") -> str:
        value = section.get(key)
        if value is not None and not isinstance(value, str):
            raise GitOpsError(f"Pulumi.{name}.yaml: gitops.{key}: got {value!r}; allowed: text")
        return value or default

    def layer(key: str, default: str = "") -> str:
        value = text(key, default)
        if value and not NAME.fullmatch(value):
            raise GitOpsError(f"Pulumi.{name}.yaml: gitops.{key}: got {value!r}; allowed: {NAMES}")
        return value

    text("path")  # of the whole repository; here, the project is that folder
    environment = layer("environment", stack_value(root, name, "environment") or name)
    return Cluster(
        name=name,
        environment=environment,
        layers=layers(environment, layer("environmentClass") or None, layer("region") or None),
        repo_url=text("repoUrl"),
        revision=text("revision", DEFAULT_REVISION),
        production=_production(root, name),
        facts=_facts(root, name),
    )


def stack_section(root: Path, name: str, section: str) -> dict[str, Any]:
    """Return a section of a stack file as it stands there.

    Raises:
        StackFileError: there is no such stack file.
        GitOpsError: the section is no mapping.
    """
    value = stack_value(root, name, section)
    try:
        parsed = json.loads("{}" if value is None else value)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise GitOpsError(f"Pulumi.{name}.yaml: {NAMESPACE}:{section} has to be a mapping")
    return parsed


def stack_value(root: Path, name: str, key: str) -> str | None:
    """Return a value of a stack file as text; a section is JSON.

    Raises:
        StackFileError: there is no such stack file.
    """
    return stack_values(root, name).get(f"{NAMESPACE}:{key}")


@cache
def stack_values(root: Path, name: str) -> dict[str, str]:
    """Return all values of a stack file, which is read once.

    Raises:
        StackFileError: there is no such stack file.
    """
    return read_stack(root, name).values


def kubernetes_version(root: Path, name: str) -> str:
    """Return the version that the stack file asks for, or the default of the settings.

    Argo CD tells Helm the patch level too, which AKS chooses: it is 0 here.
    """
    version = stack_section(root, name, "cluster").get("kubernetesVersion", DEFAULT_KUBERNETES_VERSION)
    return f"{version}.0"


def _production(root: Path, name: str) -> bool:
    given = stack_value(root, name, "production")
    if given not in {None, "true", "false"}:
        # as the settings do: what was meant for production must not be delivered with the defaults of dev
        raise GitOpsError(f"Pulumi.{name}.yaml: production: got {given!r}; allowed: true or false")
    return given == "true"


def _facts(root: Path, name: str) -> dict[str, str]:
    issuer = stack_section(root, name, "certificates").get("issuer")
    facts = {
        "environment": stack_value(root, name, "environment") or name,
        "dns-zone": stack_section(root, name, "dns").get("zone", ""),
        "ingress-class": INGRESS_CLASS,
        "cluster-issuer": issuer or (PRODUCTION_ISSUER if _production(root, name) else DEFAULT_ISSUER),
        "secret-store": SECRET_STORE,
    }
    if stack_value(root, name, "target") != "local":
        azure = stack_section(root, name, "azure")
        facts |= {
            "subscription-id": azure.get("subscriptionId", ""),
            "tenant-id": azure.get("tenantId", ""),
            "location": stack_section(root, name, "cluster").get("location") or azure.get("location", ""),
            **AFTER_UP,
        }
    return {key: str(value) for key, value in facts.items()}
