"""What the addons take from whatever is below them: Azure, or a cluster that already exists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pulumi

from components.access import ClusterAccess


@dataclass(frozen=True, kw_only=True)
class AzureDns:
    """The zone that DNS-01 challenges are answered in, and who may write there."""

    subscription_id: str
    resource_group_name: pulumi.Input[str]
    zone: str
    client_id: pulumi.Input[str]
    """Identity that may write TXT records of that zone."""


@dataclass(frozen=True, kw_only=True)
class PublicAddress:
    """An address in Azure that the load balancer takes."""

    name: pulumi.Input[str]
    """Azure name of the public IP address."""
    resource_group_name: pulumi.Input[str]
    """Its resource group, which is not the nodes'."""
    ip: pulumi.Input[str]
    """The address itself."""


@dataclass(frozen=True, kw_only=True)
class Vault:
    """The vault, and who may read it."""

    uri: pulumi.Input[str]
    tenant_id: str
    client_id: pulumi.Input[str]
    """Identity with Key Vault Secrets User on that vault."""
    keeper_client_id: pulumi.Input[str] | None = None
    """Identity that may write the default certificate's secret; None where the vault keeps none."""


@dataclass(frozen=True, kw_only=True)
class RegistrySignIn:
    """The registry whose tags are read, and who reads them."""

    host: pulumi.Input[str]
    client_id: pulumi.Input[str]
    """Identity with AcrPull on that registry."""


class Prerequisite(NamedTuple):
    """What has to be done before something is created."""

    hook: pulumi.ResourceHook
    """Does it."""
    after: Sequence[pulumi.Resource]
    """What has to be there first."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What the addons are installed on."""

    access: ClusterAccess
    """Access to the cluster."""
    credentials: Sequence[pulumi.Resource] = ()
    """What must be there before the addons: credentials to sign in with, and who may issue certificates."""
    azure_dns: AzureDns | None = None
    address: PublicAddress | None = None
    vault: Vault | None = None
    tenant_id: str | None = None
    repository_client_id: pulumi.Input[str] | None = None
    image_registry: RegistrySignIn | None = None
    restore: Prerequisite | None = None
    """Brings back what applications had in the cluster before; None where nothing is brought back."""
    facts: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Facts of the infrastructure that charts may need."""
    outputs: Mapping[str, pulumi.Input[Any]] = field(default_factory=dict)
    """What a user needs next."""

    def export(self, **more: pulumi.Input[Any]) -> None:
        """Make its outputs those of the stack, together with more."""
        for name, value in {**self.outputs, **more}.items():
            pulumi.export(name, value)
