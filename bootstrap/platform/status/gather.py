"""Reads a stack's state, Azure and its cluster, each as far as it can be read; nothing is changed."""

from startup import on_demand

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console

from bootstrap.errors import BootstrapError
from bootstrap.platform.deployed import cluster_id, generation_of
from bootstrap.platform.drills import last_drill
from bootstrap.platform.run import choose_cluster, prepare, settings_of
from bootstrap.platform.status import cluster as of_cluster
from bootstrap.platform.status.page import Page, Unread
from bootstrap.platform.verify import connect
from bootstrap.platform.verify.cluster import Cluster, ClusterError
from settings import Settings
from settings.types import Target

if TYPE_CHECKING:
    from bootstrap.platform import up as update
    from bootstrap.platform.doctor import azure as doctors
    from bootstrap.platform.doctor import needs as needed
    from bootstrap.platform.plan import evaluate as evaluation
    from bootstrap.platform.status import azure as of_azure
else:  # seconds that a local stack does not need
    update = on_demand("bootstrap.platform.up")
    doctors = on_demand("bootstrap.platform.doctor.azure")
    needed = on_demand("bootstrap.platform.doctor.needs")
    evaluation = on_demand("bootstrap.platform.plan.evaluate")
    of_azure = on_demand("bootstrap.platform.status.azure")

T = TypeVar("T")


def gather(root: Path, stack: str, *, console: Console, drift: bool = False) -> Page:
    """Return the page of a stack.

    Args:
        root: the project.
        stack: the stack's name.
        console: where progress is shown.
        drift: whether to compare the stack with Azure and the cluster too, which takes minutes.

    Raises:
        BootstrapError: the stack's files cannot be read.
    """
    settings = settings_of(root, stack)
    page = Page(stack=stack, target=settings.target.value, at=dt.datetime.now(dt.UTC))
    reading = _Reading(page, console)
    cluster = _local(reading, root, settings) if settings.target is Target.LOCAL else _azure(reading, root, settings)
    if cluster is not None:
        found = reading.of("nodes", lambda: of_cluster.versions(cluster))
        page.versions = [*(page.versions or []), *found] if found is not None else page.versions
        page.addons = reading.of("Helm's releases", lambda: of_cluster.addons(cluster, settings))
        page.certificates = reading.of("certificates", lambda: of_cluster.certificates(cluster, page.at))
        page.applications = reading.of("applications", lambda: of_cluster.applications(cluster))
    if drift:
        page.drift = reading.of("drift", lambda: update.drift(root, stack, console=console))
    return page


class _Reading:
    """Reads one part after the other, and notes what could not be read."""

    def __init__(self, page: Page, console: Console) -> None:
        self.page, self.console = page, console

    def of(self, what: str, read: Callable[[], T]) -> T | None:
        """Return what is read; None where it cannot be, with the reason on the page."""
        try:
            with self.console.status(f"reading {what}"):
                return read()
        except BootstrapError as error:
            why = str(error)
        except ClusterError as error:
            why = f"no right to read it: {error}" if error.no_right else str(error)
        except Exception as error:
            # whatever forms objects have in somebody's cluster, and answers in somebody's subscription
            why = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:300]}"
        self.page.unread.append(Unread(what=what, why=why))
        return None


def _local(reading: _Reading, root: Path, settings: Settings) -> Cluster | None:
    def sign_in() -> Cluster:
        chosen = choose_cluster(root, settings)
        return Cluster(connect.local_api(Path(chosen.environment["KUBECONFIG"]), settings.local.context))

    return reading.of("the cluster", sign_in)


def _azure(reading: _Reading, root: Path, settings: Settings) -> Cluster | None:
    page = reading.page
    page.generation = settings.cluster.generation if settings.cluster is not None else None
    page.drill = reading.of("drills", lambda: last_drill(root, page.stack, page.at.date()))

    def outputs() -> Any:
        return connect.outputs_of(prepare(root, page.stack, reading.console))

    found = reading.of("the state", outputs)
    if found is not None:
        page.cluster = found.get("clusterName")
        page.deployed_generation = generation_of(str(page.cluster or ""))
    needs = reading.of("the plan", lambda: needed.Needs(settings, evaluation.evaluate(root, page.stack)))
    if needs is None:
        return None
    credential = doctors.credential_from_environment(str(needs.azure.tenant_id))
    clients = doctors.Clients(needs.subscription_id, credential)
    cluster = cluster_id(needs, found or {})
    page.versions = reading.of("versions in Azure", lambda: of_azure.versions(clients, cluster, page.at.date()))
    page.backup = reading.of("backups", lambda: of_azure.backups(clients, needs, cluster))
    return reading.of("the cluster", lambda: Cluster(connect.sign_in(cluster, needs, clients)))
