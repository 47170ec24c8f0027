"""What the cluster side takes from whatever is below it: Azure, or a cluster that was there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.access import ClusterAccess
from components.cert_manager import AzureDns
from components.external_secrets import Vault
from components.image_updater import RegistrySignIn
from components.ingress import PublicAddress


@dataclass(frozen=True, kw_only=True)
class Platform:
    """The ground that the addons stand on."""

    access: ClusterAccess
    """The way into the cluster."""
    credentials: Sequence[pulumi.Resource] = ()
    """Federated credentials, which must be there before the addons that sign in with them."""
    azure_dns: AzureDns | None = None
    address: PublicAddress | None = None
    vault: Vault | None = None
    tenant_id: str | None = None
    repository_client_id: pulumi.Input[str] | None = None
    image_registry: RegistrySignIn | None = None
    facts: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """What charts may need to know."""
    outputs: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """What a user needs next."""
