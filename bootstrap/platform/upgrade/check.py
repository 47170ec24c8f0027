"""``bootstrap upgrade --check``: compares the program's versions with a running cluster, and changes nothing."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from bootstrap.errors import BootstrapError, HelmError
from bootstrap.platform.deployed import generation_of
from bootstrap.platform.doctor.findings import Diagnosis
from bootstrap.platform.findings import Finding, blocked, counted, fine, first_line, print_findings, unknown
from bootstrap.platform.helm_records import Record, records
from bootstrap.platform.images.helm import Source
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.upgrade import definitions, versions
from bootstrap.platform.verify.cluster import Cluster, ClusterError
from bootstrap.platform.verify.connect import connect
from bootstrap.platform.verify.objects import path_of
from components.release.helm_record import UnreadableRecordError
from components.release.kubernetes_types import PREFIX, RELEASE
from components.release.stored_versions import Definition
from settings import Settings

_DEFINITIONS = path_of("apiextensions.k8s.io", "v1", "customresourcedefinitions")


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """A cluster, and what the program would install there."""

    settings: Settings
    cluster: Cluster
    releases: Sequence[Mapping[str, Any]]
    """Inputs of the program's Helm releases."""
    objects: Sequence[Mapping[str, Any]]
    """Inputs of its objects."""
    charts: Path | None = None
    """A folder with the charts' archives; they are fetched when None."""
    deployed_cluster: str = ""
    """Name of the cluster in Azure that is up."""
    kinds: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """The objects of each kind that was asked for."""

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """Every definition in the cluster, by its name."""
        return {each["metadata"]["name"]: Definition.of(each) for each in self.cluster.items(_DEFINITIONS)}

    @cached_property
    def version(self) -> str:
        """The API server's version."""
        return str(self.cluster.get("/version").get("gitVersion", ""))

    @cached_property
    def served(self) -> set[str]:
        """Every group with version that the API server serves; the core's is a version alone."""
        groups = self.cluster.get("/apis")["groups"]
        return {"v1"} | {version["groupVersion"] for group in groups for version in group["versions"]}

    def of_kind(self, kind: Definition) -> Sequence[Mapping[str, Any]]:
        """Return all objects of a kind."""
        if kind.name not in self.kinds:
            self.kinds[kind.name] = self.cluster.items(path_of(kind.group, kind.storage, kind.plural))
        return self.kinds[kind.name]


def check(root: Path, stack: str, *, console: Console, charts: Path | None = None) -> Diagnosis:
    """Tell what an update to the program's versions would do to a running stack.

    Args:
        root: the project.
        stack: the stack's name.
        console: where progress is shown.
        charts: a folder with the charts' archives, ``<name>-<version>.tgz``; Helm fetches them when None.

    Raises:
        BootstrapError: the stack's files cannot be read, it was never deployed, or its cluster does not answer.
    """
    target = connect(root, stack, console)
    evaluation = evaluate(root, stack) if target.azure is None else target.azure.needs.evaluation
    registered = evaluation.registrations
    return examine(
        stack,
        Upgrade(
            settings=target.settings,
            cluster=target.cluster,
            releases=[each.inputs for each in registered if each.type == RELEASE],
            objects=[each.inputs for each in registered if each.type.startswith(PREFIX) and each.type != RELEASE],
            charts=charts,
            deployed_cluster=str(target.outputs.get("clusterName") or ""),
        ),
        console=console,
    )


def examine(stack: str, upgrade: Upgrade, *, console: Console) -> Diagnosis:
    """Ask about Kubernetes and about one release after the other."""
    begun = time.monotonic()
    findings: list[Finding] = []
    with console.status("reading the cluster") as status:
        findings += _asked(versions.KUBERNETES, "version", partial(_kubernetes, upgrade))
        for inputs in upgrade.releases:
            name = str(inputs["name"])
            status.update(f"comparing {name} {inputs['version']} with the cluster")
            findings += _asked(versions.CHART, name, partial(_release, upgrade, inputs))
    seconds = round(time.monotonic() - begun, 1)
    order = (versions.KUBERNETES, versions.CHART, definitions.CHECK)
    return Diagnosis(stack=stack, findings=sorted(findings, key=lambda each: order.index(each.check)), seconds=seconds)


def _asked(check: str, subject: str, ask: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    try:
        yield from ask()
    except ClusterError as error:
        yield unknown(check, subject, f"no right to ask: {error}" if error.no_right else str(error))
    except HelmError as error:
        yield blocked(check, subject, str(error), "`bootstrap doctor` says whether the charts can be had")
    except (BootstrapError, UnreadableRecordError) as error:
        yield unknown(check, subject, str(error))
    except Exception as error:
        # whatever forms definitions have in somebody's chart
        yield unknown(check, subject, f"it cannot be compared: {type(error).__name__}: {first_line(error)}")


def _kubernetes(upgrade: Upgrade) -> Iterator[Finding]:
    settings, running = upgrade.settings.cluster, upgrade.version
    wanted = running if settings is None else settings.kubernetes_version
    if settings is not None:
        deployed = generation_of(upgrade.deployed_cluster)
        yield from versions.kubernetes_step(
            running,
            wanted,
            long_term=settings.long_term_support,
            next_generation=deployed is not None and deployed != settings.generation,
        )
    yield from versions.requested_apis(upgrade.cluster.text("/metrics"), wanted)


def _release(upgrade: Upgrade, inputs: Mapping[str, Any]) -> Iterator[Finding]:
    name, namespace, wanted = (str(inputs[key]) for key in ("name", "namespace", "version"))
    found = records(upgrade.cluster, name, namespace)
    if not found:
        yield fine(versions.CHART, name, f"{wanted} is installed by the next update")
        return
    record = found[-1]
    yield versions.chart_step(name, record.version, wanted)
    yield from _unserved(upgrade, record)
    if record.version.removeprefix("v") == wanted.removeprefix("v"):
        return
    crds = Source(inputs=inputs, charts=upgrade.charts).definitions(upgrade.version)
    chart = {each.name: each for each in map(Definition.of, crds)}
    ours = {
        each.name: each
        for each in upgrade.definitions.values()
        if each.release == (namespace, name) or each.name in chart
    }
    for each in ours.values():
        yield from definitions.changes(each, chart.get(each.name), upgrade.of_kind, chart=f"{name} {wanted}")
    yield from _program(upgrade, list(chart.values()), called=f"{name} {wanted}")


def _unserved(upgrade: Upgrade, record: Record) -> Iterator[Finding]:
    """Yield what the record of a release has and the API server no longer serves: Helm cannot upgrade from it."""
    for version, kind, name in versions.unserved(record.documents, upgrade.served):
        yield blocked(
            versions.CHART,
            record.name,
            f"Helm's record of it has {kind} {name} of {version}, which the cluster does not serve: Helm refuses every "
            "upgrade",
            f"helm mapkubeapis {record.name} --namespace {record.namespace} (https://github.com/helm/helm-mapkubeapis)",
        )


def _program(upgrade: Upgrade, chart: Sequence[Definition], *, called: str) -> Iterator[Finding]:
    """Yield the program's own objects that are of a version which a chart does not serve."""
    served = {f"{each.group}/{version}" for each in chart for version in each.served}
    groups = {each.group for each in chart}
    for inputs in upgrade.objects:
        version = str(inputs.get("apiVersion") or "")
        if version.split("/", maxsplit=1)[0] in groups and version not in served:
            yield blocked(
                definitions.CHECK,
                f"{inputs.get('kind')} {(inputs.get('metadata') or {}).get('name')}",
                f"the program writes it as {version}, which {called} does not serve",
                "leave the version where it is until components/ writes another one",
            )


def print_check(found: Diagnosis, console: Console) -> None:
    """Print findings as a table, then a summary."""
    print_findings(
        found.findings,
        console,
        good=lambda fine: "\n".join(f"{each.subject}: {each.detail}" for each in fine),
    )
    console.print(f"\n{escape(found.stack)}: {counted(found.findings)}; {found.seconds:.0f} s", highlight=False)
