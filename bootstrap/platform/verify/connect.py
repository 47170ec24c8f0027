"""Reaches a stack's cluster by the same means as ``up``, and gathers what the checks are told."""

from startup import on_demand

import base64
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError
from kubernetes import client, config
from rich.console import Console

from bootstrap.errors import UpError
from bootstrap.platform.cluster_commands import ClusterCommands
from bootstrap.platform.deployed import cluster_id, cluster_name
from bootstrap.platform.findings import first_line
from bootstrap.platform.local_cluster import api_client
from bootstrap.platform.reach import entry
from bootstrap.platform.run import Run, choose_cluster, prepare, settings_of
from bootstrap.platform.state import stack_exists
from bootstrap.platform.verify.cluster import Cluster, ClusterError
from bootstrap.platform.verify.objects import name_of, path_of
from bootstrap.platform.verify.target import Asked, Target
from bootstrap.platform.verify.workspace import Workspace
from conventions import ARGO_CD_NAMESPACE, TENANT_LABEL
from settings import Settings
from settings.types import Target as Where

if TYPE_CHECKING:
    from bootstrap.platform.doctor import azure as doctors
    from bootstrap.platform.doctor import needs as needed
    from bootstrap.platform.plan import evaluate as evaluation
    from components.azure import kubeconfig as kubeconfigs
else:  # seconds that a local stack does not need
    doctors = on_demand("bootstrap.platform.doctor.azure")
    needed = on_demand("bootstrap.platform.doctor.needs")
    evaluation = on_demand("bootstrap.platform.plan.evaluate")
    kubeconfigs = on_demand("components.azure.kubeconfig")

_FEW_PODS = "20"
"""How many Pods of a namespace are looked at for an image: one is enough."""


def connect(root: Path, stack: str, console: Console) -> Target:
    """Return what the checks of a stack are told.

    Raises:
        BootstrapError: the stack's files cannot be read, it was never deployed, or its cluster does not answer.
    """
    settings = settings_of(root, stack, deployed=True)
    if settings.target is not Where.LOCAL:
        return target_of(prepare(root, stack, console, deployed=True))
    chosen = choose_cluster(root, settings)
    return _local(stack, settings, Path(chosen.environment["KUBECONFIG"]), mapped=chosen.managed)


def target_of(run: Run) -> Target:
    """Return the same for a run that has chosen everything.

    Raises:
        BootstrapError: as for :func:`connect`.
    """
    if run.local:
        return _local(run.stack, run.settings, run.kubeconfig, mapped=run.target.managed)
    outputs = outputs_of(run)
    needs = needed.Needs(run.settings, evaluation.evaluate(run.root, run.stack))
    credential = doctors.credential_from_environment(str(needs.azure.tenant_id))
    clients = doctors.Clients(needs.subscription_id, credential)
    cluster = cluster_id(needs, outputs)
    api = sign_in(cluster, needs, clients)
    # `az aks get-credentials` calls a context as the cluster is called
    commands = ClusterCommands(context=cluster_name(cluster))
    target = _target(api, run.stack, run.settings, commands, mapped=False)
    return replace(target, outputs=outputs, azure=Asked(clients=clients, needs=needs, cluster_id=cluster))


def _local(stack: str, settings: Settings, path: Path, *, mapped: bool) -> Target:
    kubeconfig = "" if os.environ.get("KUBECONFIG") == str(path) else str(path)
    commands = ClusterCommands(kubeconfig=kubeconfig, context=settings.local.context or "")
    api = local_api(path, settings.local.context)
    return _target(api, stack, settings, commands, mapped=mapped)


def outputs_of(run: Run) -> Mapping[str, Any]:
    """Return the outputs of a stack, from its state.

    Raises:
        UpError: the stack was never deployed, or its state cannot be read.
    """
    if not stack_exists(run):
        raise UpError(f"there is no stack {run.stack} in the state: `make up STACK={run.stack}` deploys it")
    command = ["pulumi", "--non-interactive", "stack", "output", "--json", "--stack", run.stack]
    done = subprocess.run(command, cwd=run.root, env=run.environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UpError(f"the stack's outputs cannot be read: {done.stderr.strip()[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def local_api(kubeconfig: Path, context: str | None) -> client.ApiClient:
    """Return a client of a local stack's cluster, which answers.

    Raises:
        UpError: the kubeconfig cannot be used, or nobody answers.
    """
    remedy = "start it, as a container that was stopped with the machine, or name another in KUBECONFIG"
    return _answering(lambda: api_client(kubeconfig, context), str(kubeconfig), remedy)


def sign_in(cluster: str, needs: "needed.Needs", clients: "doctors.Clients") -> client.ApiClient:
    """Sign in to a cluster as the program does, with kubelogin; no credential of the cluster's own is asked for.

    Raises:
        UpError: Azure does not give its address, or it does not answer.
    """
    settings, group, name = needs.cluster_settings, cluster.split("/")[4], cluster_name(cluster)
    try:
        answer = clients.kubernetes.managed_clusters.list_cluster_user_credentials(group, name)
    except AzureError as error:
        raise UpError(f"Azure does not say how cluster {name} is reached: {first_line(error)}") from None
    given = next(iter(answer.kubeconfigs or ()), None)
    if given is None or given.value is None:
        raise UpError(f"Azure does not say how cluster {name} is reached: its answer is empty")
    text = kubeconfigs.exec_kubeconfig(
        base64.b64encode(given.value).decode(),
        cluster_name=name,
        tenant_id=str(needs.azure.tenant_id),
        login=settings.kubelogin,
    )
    load: Any = config  # the client's config module is not typed
    remedy = "it may be private, or this machine's address outside cluster.apiServer.authorizedIpRanges"
    return _answering(lambda: load.new_client_from_config_dict(json.loads(text)), name, remedy)


def _answering(signed_in: Callable[[], client.ApiClient], name: str, remedy: str) -> client.ApiClient:
    try:
        found = signed_in()
        Cluster(found).get("/version")
    except UpError:
        raise
    except Exception as error:
        # kubelogin, TLS, and the transport have a dozen exceptions, and all of them mean this
        why = error.status or "no connection" if isinstance(error, ClusterError) else type(error).__name__
        raise UpError(f"the API server of {name} does not answer ({why}): {remedy}") from None
    return found


def _target(
    api: client.ApiClient, stack: str, settings: Settings, commands: ClusterCommands, *, mapped: bool
) -> Target:
    cluster = Cluster(api)
    image, pulled = _image(cluster), _pulled_image(cluster)
    return Target(
        stack=stack,
        settings=settings,
        cluster=cluster,
        workspace=Workspace(cluster, images=[each for each in (image, pulled) if each]),
        door=entry(api, mapped=mapped),
        commands=commands,
        image=image,
        pulled_image=pulled,
        run="",
    )


def _image(cluster: Cluster) -> str:
    """Return Argo CD's image; empty where that cannot be had."""
    try:
        server = cluster.find(path_of("apps", "v1", "deployments", ARGO_CD_NAMESPACE, "argocd-repo-server"))
    except ClusterError:
        return ""
    return str(server["spec"]["template"]["spec"]["containers"][0]["image"]) if server else ""


def _pulled_image(cluster: Cluster) -> str:
    """Return an image by its digest that a node has pulled; empty where there is none.

    It is an application's where one runs, and else Argo CD's: whoever starts a Pod waits for others that pull what is
    called the same.
    """
    try:
        tenants = cluster.items(path_of("", "v1", "namespaces"), labelSelector=TENANT_LABEL)
        for namespace in [*map(name_of, tenants), ARGO_CD_NAMESPACE]:
            for pod in cluster.items(path_of("", "v1", "pods", namespace), limit=_FEW_PODS):
                for state in (pod.get("status") or {}).get("containerStatuses") or []:
                    if "@sha256:" in state.get("imageID", ""):
                        return str(state["imageID"])
    except ClusterError:
        return ""
    return ""
