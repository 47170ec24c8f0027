"""What the checks are told: the stack's settings, the cluster, where its proxies answer, and what a run may use."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dns.resolver

from bootstrap.platform.cluster_commands import ClusterCommands
from bootstrap.platform.findings import Finding
from bootstrap.platform.reach import Entry
from bootstrap.platform.releases import RELEASES
from bootstrap.platform.verify.cluster import Cluster
from bootstrap.platform.verify.workspace import Workspace
from components.addons.argocd import argocd_host
from settings import Settings
from settings.types import Target as Where

if TYPE_CHECKING:
    from bootstrap.platform.doctor.azure import Clients
    from bootstrap.platform.doctor.needs import Needs


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What Azure is asked by, for a stack there."""

    clients: "Clients"
    needs: "Needs"
    cluster_id: str
    """ARM id of the cluster that is up."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One running stack."""

    stack: str
    settings: Settings
    cluster: Cluster
    workspace: Workspace
    door: Entry
    """Where the cluster's proxies answer."""
    run: str
    """Ends the names that have to differ from those of another run."""
    commands: ClusterCommands = field(default_factory=ClusterCommands)
    """Commands of the stack's cluster."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """The stack's, in Azure."""
    azure: Asked | None = None
    image: str = ""
    """An image that runs on the cluster, with a shell and Git: Argo CD's own; empty where there is none."""
    pulled_image: str = ""
    """An image by its digest that a node has pulled: an application's, where one runs."""
    resolver: dns.resolver.Resolver | None = None
    """Asks DNS; the machine's own by default."""
    egress_url: str = ""
    """Answers with the address that a request came from."""
    just_deployed: bool = False
    """Whether applications may be on their way still."""
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)

    @property
    def local(self) -> bool:
        """Whether the stack is on a cluster that was there, and nothing of it in Azure."""
        return self.settings.target is Where.LOCAL

    @property
    def argocd_host(self) -> str:
        """Host name of Argo CD's page."""
        return argocd_host(self.settings.argocd, self.settings.dns.zone)

    def kube(self, *arguments: str) -> str:
        """Return a command of kubectl's."""
        return self.commands.kubectl(*arguments)

    def manifest(self, namespace: str) -> str:
        """Return the command that shows what the chart of an addon's namespace rendered."""
        return self.commands.helm("-n", namespace, "get", "manifest", RELEASES[namespace])

    def restore(self, namespace: str) -> str:
        """Return the command that applies what a chart rendered, whatever became of it: Pulumi sees no such drift."""
        return f"{self.manifest(namespace)} | {self.kube('apply', '-f', '-')}"


Ask = Callable[[Target], Iterable[Finding]]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One theme, and what asks about it."""

    name: str
    does: str
    """What it does to see whether all is well."""
    ask: Ask
    seconds: float = 60.0
    """How long it may take; what has not answered by then cannot be known."""
    makes_objects: bool = False
    """Whether it needs the run's own namespace."""
    applies: Callable[[Target], bool] = lambda _: True
    """Whether a stack has what it asks about; a stack that has not hears nothing of it."""
