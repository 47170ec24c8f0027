"""What a preview would take away that holds data or serves traffic, in words, and the labels that agree to it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bootstrap.platform.ci.preview import REPLACEMENTS, Operation, Preview
from bootstrap.platform.plan.compare import is_destructive
from components.azure.resource_types import PREFIX
from components.release import kubernetes_types

_CLUSTER = f"{PREFIX}containerservice:ManagedCluster"

WORDS = {
    _CLUSTER: ("cluster", "everything that runs in it, with its volumes"),
    kubernetes_types.PROVIDER: ("cluster", "everything inside the cluster is made again"),
    f"{PREFIX}keyvault:Vault": ("vault", "every secret in it"),
    f"{PREFIX}resources:ResourceGroup": ("group", "everything in it"),
    f"{PREFIX}dns:Zone": ("zone", "every name in it, and its delegation"),
    f"{PREFIX}containerregistry:Registry": ("registry", "every image in it"),
    f"{PREFIX}operationalinsights:Workspace": ("logs", "the logs in it"),
    f"{PREFIX}monitor:AzureMonitorWorkspace": ("metrics", "the metrics in it"),
    f"{PREFIX}network:VirtualNetwork": ("network", "whatever is attached to it"),
    f"{PREFIX}network:PublicIPPrefix": ("prefix", "whoever has allowed these addresses"),
    f"{PREFIX}network:PublicIPAddress": ("address", "whoever has allowed this address, or sends to it"),
    f"{PREFIX}privatedns:PrivateZone": ("private-zone", "every name in it"),
    f"{PREFIX}privatedns:VirtualNetworkLink": ("private-zone", "the zone's names, for this network"),
    f"{PREFIX}network:PrivateEndpoint": ("endpoint", "the private way to what it serves"),
    f"{PREFIX}network:PrivateDnsZoneGroup": ("endpoint", "the name of a private endpoint"),
    f"{PREFIX}dataprotection:BackupVault": ("backup-vault", "every backup of volumes"),
    f"{PREFIX}dataprotection:BackupInstance": ("backup-instance", "this cluster's backups"),
    f"{PREFIX}storage:StorageAccount": ("storage", "the backups of objects in it"),
    f"{PREFIX}storage:BlobContainer": ("storage", "the backups of objects in it"),
    f"{PREFIX}managedidentity:UserAssignedIdentity": ("identity", "the rights of whatever signs in as it"),
    "kubernetes:argoproj.io/v1alpha1:Application": ("application", "every application behind it"),
    "kubernetes:core/v1:Namespace": ("namespace", "everything in it"),
    kubernetes_types.RELEASE: ("release", "what it serves, until it is there again"),
    f"{PREFIX}dns:RecordSet": ("record", "whoever uses this name"),
    f"{PREFIX}containerservice:AgentPool": ("pool", "the Pods on its nodes move"),
}
"""The word of each destructive type, which labels take too, and what goes with it; the gravest first."""


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One thing that goes, and what goes with it."""

    operation: Operation
    label: str
    """Of the pull request, with which somebody agrees: ``replace:cluster``."""
    word: str
    what: str
    """What is lost, or who is interrupted."""
    inside: int
    """How many other resources go with it."""


def losses(preview: Preview) -> list[Loss]:
    """Return what is replaced or deleted that holds data or serves traffic, without what only goes along with it."""
    going = {each.urn: each for each in preview.operations if each.loses and each.custom}
    # the component that made a cluster made its group and the way into it too: they are one thing
    homes = {each.parent: urn for urn, each in going.items() if each.type == _CLUSTER and each.parent}
    owners = {urn: _owner(each, going, homes) for urn, each in going.items()}
    found = []
    for urn, each in going.items():
        if owners[urn] is None and _destructive(each.type):
            word, what = _words(each.type)
            verb = "replace" if each.kind in REPLACEMENTS else "delete"
            inside = sum(1 for other in owners if other != urn and _outermost(other, owners) == urn)
            found.append(Loss(operation=each, label=f"{verb}:{word}", word=word, what=what, inside=inside))
    gravest = list(WORDS)
    return sorted(
        found,
        key=lambda loss: (
            gravest.index(loss.operation.type) if loss.operation.type in WORDS else -1,
            -loss.inside,
            loss.operation.urn,
        ),
    )


def missing_labels(found: Iterable[Loss], given: Collection[str]) -> list[str]:
    """Return the labels that agree to losses, and are not given."""
    return sorted({loss.label for loss in found} - set(given))


def counted(preview: Preview) -> str:
    """Return how many resources an update would change, in words."""
    kinds = [("delete" if each.kind == "delete" else _verb(each)) for each in preview.operations if each.custom]
    words = {
        "create": "created",
        "update": "changed",
        "replace": "replaced",
        "delete": "deleted",
        "import": "imported",
        "other": "touched",
    }
    parts = [f"{kinds.count(kind)} {word}" for kind, word in words.items() if kind in kinds]
    return ", ".join([*parts, f"{preview.unchanged} unchanged"])


def _verb(operation: Operation) -> str:
    if operation.kind in REPLACEMENTS:
        return "replace"
    return operation.kind if operation.kind in {"create", "update", "import"} else "other"


def _destructive(token: str) -> bool:
    try:
        return is_destructive(token)
    except KeyError:
        # Azure's, and the program does not use it any more: nobody here knows what it holds
        return True


def _words(token: str) -> tuple[str, str]:
    return WORDS.get(token) or (token.rsplit(":", 1)[-1].lower(), "nobody here knows what it holds")


def _owner(each: Operation, going: Collection[str], homes: dict[str, str]) -> str | None:
    """Return the URN of what an operation's resource goes along with."""
    if each.deleted_with in going:
        return each.deleted_with
    owner = homes.get(each.parent) or homes.get(each.deleted_with)
    return owner if owner != each.urn else None


def _outermost(urn: str, owners: dict[str, str | None]) -> str:
    passed: Sequence[str] = ()
    while (owner := owners.get(urn)) is not None and owner not in passed:
        passed = (*passed, urn)
        urn = owner
    return urn
