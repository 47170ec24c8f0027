"""``bootstrap adopt``: writes import files, for when the state is lost and the resources are not.

The program determines which resources there are and what they are called, so that the parents, providers and ids of the
lost state can be derived from a plan. `pulumi import` then reads the rest from Azure and from the cluster.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.platform.plan.registration import Evaluation, Registration
from bootstrap.private import private_files
from components.azure.resource_types import PREFIX, resource_type
from components.release import kubernetes_types
from components.release.kubernetes_types import kubernetes_id

AZURE_FILE, KUBERNETES_FILE = "adopt-azure.json", "adopt-kubernetes.json"
_PLACEHOLDER = re.compile(r"<([^<>]+)\.id>")


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """Two import files, and the commands that use them."""

    azure: dict[str, Any]
    """Import file of the resources in Azure."""
    kubernetes: dict[str, Any]
    """Import file of the objects and releases in the cluster."""
    kubernetes_provider: str
    """URN of the Kubernetes provider, which is created between the two imports: its kubeconfig comes from Azure."""

    def commands(self, folder: Path) -> list[str]:
        """Return the commands in order; ``folder`` holds the files."""
        options = "--protect=false --generate-code=false"
        azure = [f"pulumi import --file {folder / AZURE_FILE} {options}"] if self.azure["resources"] else []
        return [
            *azure,
            # a refresh knows no target that is not in the state yet
            f"pulumi up --refresh=false --target '{self.kubernetes_provider}'",
            f"pulumi import --file {folder / KUBERNETES_FILE} {options}",
            "pulumi up",
        ]

    @private_files()
    def write(self, folder: Path) -> None:
        """Write both files; they contain names and ids, and no secrets."""
        for name, content in ((AZURE_FILE, self.azure), (KUBERNETES_FILE, self.kubernetes)):
            (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def adopt(evaluation: Evaluation) -> Adoption:
    """Turn a plan into import files."""
    providers = [r for r in evaluation.registrations if r.type == "pulumi:providers:azure-native"]
    ids = azure_ids(evaluation, str(providers[0].inputs["subscriptionId"]) if providers else "")
    azure = [r for r in evaluation.registrations if r.type.startswith(PREFIX)]
    # CRDs need no import: their provider takes over those that are there
    inside = [r for r in evaluation.registrations if r.custom and r.type.startswith(kubernetes_types.PREFIX)]
    provider = next(r for r in evaluation.registrations if r.type == kubernetes_types.PROVIDER)
    return Adoption(
        azure=_file(evaluation, azure, {r.urn: ids[r.urn] for r in azure}, providers=providers),
        kubernetes=_file(evaluation, inside, {r.urn: kubernetes_id(r.type, r.inputs) for r in inside}, known=azure),
        kubernetes_provider=engine_urn(provider.urn),
    )


def azure_ids(evaluation: Evaluation, subscription: str) -> dict[str, str]:
    """Return the ARM id of every Azure resource by URN, with references to other resources' ids resolved."""
    found: dict[str, str] = {}
    by_name: dict[str, str] = {}
    for registration in evaluation.registrations:
        if registration.type.startswith(PREFIX):
            id_ = resource_type(registration.type).arm_id(registration.inputs, subscription)
            filled = _PLACEHOLDER.sub(lambda match: by_name.get(match[1], match[0]), id_)
            found[registration.urn] = by_name[registration.name] = filled
    # a resource may refer to one that the program registers later
    return {urn: _PLACEHOLDER.sub(lambda match: by_name.get(match[1], match[0]), id_) for urn, id_ in found.items()}


def _file(
    evaluation: Evaluation,
    registrations: list[Registration],
    ids: Mapping[str, str],
    *,
    providers: list[Registration] | None = None,
    known: list[Registration] | None = None,
) -> dict[str, Any]:
    """Return an import file: https://www.pulumi.com/docs/iac/guides/migration/import/#bulk-import-operations.

    Args:
        evaluation: the plan.
        registrations: the resources to import.
        ids: their ids by URN.
        providers: providers that the import creates.
        known: resources that an earlier import has put into the state.
    """
    index = evaluation.by_urn()
    existing = _components(index, known or [])
    components = {urn: r for urn, r in _components(index, registrations).items() if urn not in existing}
    labels = {urn: f"parent-{number}" for number, urn in enumerate([*components, *existing])}
    used = {r.provider: f"provider-{index[r.provider].type.rsplit(':', 1)[-1]}" for r in registrations if r.provider}
    created = {r.urn for r in providers or []}
    # parents and providers that are in the state already are referred to by URN
    table = {labels[urn]: engine_urn(urn) for urn in existing}
    table |= {label: engine_urn(urn) for urn, label in used.items() if urn not in created}
    resources: list[dict[str, Any]] = [
        {"type": r.type, "name": used[r.urn], "logicalName": r.name, "inputs": r.inputs} for r in providers or []
    ]
    resources += [
        {"type": r.type, "name": labels[urn], "logicalName": r.name, "component": True, **_parent(r, labels)}
        for urn, r in components.items()
    ]
    resources += [
        {
            "type": r.type,
            "name": f"resource-{number}",
            "logicalName": r.name,
            "id": ids[r.urn],
            **({"provider": used[r.provider]} if r.provider else {}),
            **_parent(r, labels),
        }
        for number, r in enumerate(registrations)
    ]
    return {"nameTable": table, "resources": resources}


def engine_urn(urn: str) -> str:
    """Return a URN as the engine has it: the SDK's test monitor adds the stack to the parent types."""
    return urn.replace("pulumi:pulumi:Stack$", "")


def _components(index: Mapping[str, Registration], registrations: list[Registration]) -> dict[str, Registration]:
    """Return the components that contain the resources, outermost first."""
    found: dict[str, Registration] = {}

    def walk(urn: str | None) -> None:
        if urn is not None and urn in index and urn not in found:
            walk(index[urn].parent)
            found[urn] = index[urn]

    for registration in registrations:
        walk(registration.parent)
    return found


def _parent(registration: Registration, labels: Mapping[str, str]) -> dict[str, str]:
    label = labels.get(registration.parent or "")
    return {"parent": label} if label else {}
