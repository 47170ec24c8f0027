"""A throwaway control plane with what the parts of Argo CD read when they start: kinds, namespace, settings, keys."""

import base64
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from kubernetes import client, config
from ruamel.yaml import YAML

from conventions import ARGO_CD_NAMESPACE

CHARTS = "AKS_BOOTSTRAP_CHARTS"

_CONFIG_MAPS = ("cm", "cmd-params-cm", "rbac-cm", "gpg-keys-cm", "ssh-known-hosts-cm", "tls-certs-cm")
_PART_OF = {"app.kubernetes.io/part-of": "argocd"}
"""The label without which Argo CD does not read a ConfigMap or Secret of its own."""


def charts() -> list[Path]:
    """Return the archives of the chart argo-cd that there are, whose CRDs are those of the release."""
    return sorted(Path(os.environ.get(CHARTS, "/nowhere")).glob("argo-cd-*.tgz"))


def prepare(kubeconfig: Path) -> None:
    """Create in an empty cluster what Argo CD's chart creates besides its workloads."""
    api = config.new_client_from_config(str(kubeconfig))
    # the client takes documents in place of its models
    kinds: Any = client.ApiextensionsV1Api(api)
    core: Any = client.CoreV1Api(api)
    for document in _crds():
        kinds.create_custom_resource_definition(document)
        while not _is_served(kinds, document["metadata"]["name"]):
            time.sleep(0.1)
    core.create_namespace({"metadata": {"name": ARGO_CD_NAMESPACE}})
    for name in _CONFIG_MAPS:
        metadata = {"name": f"argocd-{name}", "labels": _PART_OF}
        core.create_namespaced_config_map(ARGO_CD_NAMESPACE, {"metadata": metadata, "data": {}})
    key = base64.b64encode(b"signs nothing that anybody trusts").decode()
    for name, data in (("argocd-secret", {"server.secretkey": key}), ("argocd-redis", {"auth": ""})):
        metadata = {"name": name, "labels": _PART_OF}
        core.create_namespaced_secret(ARGO_CD_NAMESPACE, {"metadata": metadata, "data": data})


def _is_served(kinds: Any, name: str) -> bool:
    found = kinds.read_custom_resource_definition(name)
    conditions = found.status.conditions if found.status else None
    return any(item.type == "Established" and item.status == "True" for item in conditions or [])


def _crds() -> list[dict[str, Any]]:
    done = subprocess.run(["helm", "template", str(charts()[-1])], capture_output=True, text=True, check=True)
    documents = YAML(typ="safe").load_all(done.stdout)
    return [document for document in documents if document and document["kind"] == "CustomResourceDefinition"]
