"""The records that lead to ingress. They outlive generations, and move only when the new ingress is ready."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import dns


@dataclass(frozen=True, kw_only=True)
class DnsRecordsArgs:
    """Which names lead where."""

    zone: str
    resource_group_name: pulumi.Input[str]
    records: Sequence[str]
    """Names relative to the zone; ``@`` is the apex, ``*`` the wildcard."""
    address: pulumi.Input[str]
    ttl_seconds: int
    """Time to live of every record, in seconds."""
    cluster: Mapping[str, pulumi.Input[str]]
    """The cluster that they lead to, which every record names in its metadata."""
    hooks: pulumi.ResourceHookBinding | None = None
    """What happens before and after a record moves."""


class DnsRecords(pulumi.ComponentResource):
    """One A record for each name."""

    def __init__(self, name: str, args: DnsRecordsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create or move the records."""
        super().__init__("aks-bootstrap:dns_records:DnsRecords", name, None, opts)
        for record in args.records:
            dns.RecordSet(
                f"{name}-{logical_name(record)}",
                relative_record_set_name=record,
                record_type="A",
                zone_name=args.zone,
                resource_group_name=args.resource_group_name,
                ttl=args.ttl_seconds,
                a_records=[dns.ARecordArgs(ipv4_address=args.address)],
                metadata=args.cluster,
                opts=pulumi.ResourceOptions(parent=self, hooks=args.hooks),
            )
        self.register_outputs({})


def logical_name(record: str) -> str:
    """Spell a record's name in letters: ``@`` is ``apex``, ``*`` is ``wildcard``."""
    return record.replace("@", "apex").replace("*", "wildcard").replace(".", "-")


def caa_record(zone: dns.Zone, resource_group_name: pulumi.Input[str], opts: pulumi.ResourceOptions) -> dns.RecordSet:
    """Let only Let's Encrypt, of both issuers, issue certificates for a zone and what is below it.

    https://letsencrypt.org/docs/caa/ and https://www.rfc-editor.org/rfc/rfc8659
    """
    return dns.RecordSet(
        "zone-caa",
        relative_record_set_name="@",
        record_type="CAA",
        zone_name=zone.name,
        resource_group_name=resource_group_name,
        ttl=3600,
        caa_records=[dns.CaaRecordArgs(flags=0, tag=tag, value="letsencrypt.org") for tag in ("issue", "issuewild")],
        opts=opts,
    )
