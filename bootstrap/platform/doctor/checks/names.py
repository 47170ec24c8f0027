"""Names that are free in the world, and the delegation of the DNS zone."""

from collections.abc import Iterator

import dns.exception
import dns.resolver
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.containerregistry.models import ContainerRegistryResourceType, RegistryNameCheckRequest
from azure.mgmt.keyvault.models import VaultCheckNameAvailabilityParameters

from bootstrap.platform.delegation import delegated, difference, servers
from bootstrap.platform.doctor.azure import Clients
from bootstrap.platform.doctor.needs import Needs
from bootstrap.platform.findings import Finding, blocked, fine, unknown

_VAULTS, _REGISTRIES, _ZONES = (
    "Microsoft.KeyVault/vaults",
    "Microsoft.ContainerRegistry/registries",
    "Microsoft.Network/dnsZones",
)


def names(needs: Needs, clients: Clients) -> Iterator[Finding]:
    """Ask whether the names of vault and registry are free, or are this stack's own."""
    existing = clients.existing([_VAULTS, _REGISTRIES])
    for request in needs.of(_VAULTS):
        name, location = request.id.rpartition("/")[2], str(request.body["location"])
        subject = f"vault {name}"
        if request.id.lower() in existing:
            yield fine("names", subject, "there already, in this stack's group")
            continue
        recover = request.body["properties"].get("createMode") == "recover"
        deleted = _is_deleted(clients, name, location)
        if deleted and not recover:
            yield blocked(
                "names",
                subject,
                "a deleted vault has its name until it is purged",
                f"set keyVault.recover: true, or az keyvault purge --name {name} --location {location}",
            )
        elif recover and not deleted:
            yield blocked(
                "names",
                subject,
                "keyVault.recover is true, and there is no deleted vault of this name",
                "remove keyVault.recover from the stack file",
            )
        elif (
            not deleted
            and not (
                answer := clients.vaults.vaults.check_name_availability(VaultCheckNameAvailabilityParameters(name=name))
            ).name_available
        ):
            yield blocked("names", subject, str(answer.message), "set keyVault.name to one that is free")
        else:
            yield fine("names", subject, "recovered" if recover else "free")
    for request in needs.of(_REGISTRIES):
        name = request.id.rpartition("/")[2]
        if request.id.lower() in existing:
            yield fine("names", f"registry {name}", "there already, in this stack's group")
            continue
        available = clients.registries.registries.check_name_availability(
            RegistryNameCheckRequest(
                name=name, type=ContainerRegistryResourceType.MICROSOFT_CONTAINER_REGISTRY_REGISTRIES
            )
        )
        if available.name_available:
            yield fine("names", f"registry {name}", "free")
        else:
            yield blocked("names", f"registry {name}", str(available.message), "set registry.name to one that is free")


def _is_deleted(clients: Clients, name: str, location: str) -> bool:
    try:
        clients.vaults.vaults.get_deleted(name, location)
    except ResourceNotFoundError:
        return False
    return True


def delegation(needs: Needs, clients: Clients, resolver: dns.resolver.Resolver) -> Iterator[Finding]:
    """Ask the Internet which name servers a zone has, and Azure which it gave it."""
    for request in needs.of(_ZONES):
        zone, group = request.id.rpartition("/")[2], request.id.split("/")[4]
        subject, show = f"zone {zone}", f"dig +short NS {zone}"
        try:
            given = servers(clients.dns.zones.get(group, zone).name_servers or ())
        except ResourceNotFoundError:
            yield unknown("dns", subject, "Azure gives it name servers once it is created; delegate it to those", show)
            continue
        try:
            wrong = difference(delegated(zone, resolver), given)
        except dns.exception.DNSException as error:
            yield unknown("dns", subject, f"no answer from DNS ({type(error).__name__})", show)
            continue
        if wrong:
            mend = f"at the registrar of {zone}, or in the zone above it, set NS to {' '.join(sorted(given))}"
            yield blocked("dns", subject, wrong, mend)
        else:
            yield fine("dns", subject, f"delegated to {', '.join(sorted(given))}")
