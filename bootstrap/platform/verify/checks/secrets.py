"""The stores are ready, and a secret that nobody hides is read back through one."""

import base64
import re
import secrets as random
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.verify.objects import condition, is_true, path_of, said
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import CANARY, NAMESPACE
from components.addons import external_secrets
from components.addons.external_secrets import LOCAL_SECRETS_NAMESPACE, STORE_SERVICE_ACCOUNT
from conventions import ARGO_CD_SECRET_STORE, SECRET_STORE

_GROUP, _VERSION = "external-secrets.io", "v1"
_SECONDS = 30.0
_READ = "canary"


def stores(target: Target) -> Iterator[Finding]:
    """Read both stores, and a secret of the vault through the one that applications use."""
    for name in (SECRET_STORE, ARGO_CD_SECRET_STORE):
        store = target.cluster.find(path_of(_GROUP, _VERSION, "clustersecretstores", name=name))
        subject = f"ClusterSecretStore {name}"
        if store is None:
            yield failed(
                "secrets", subject, "there is none", cause="it was deleted", remedy=f"make up STACK={target.stack}"
            )
        elif is_true(store, "Ready"):
            yield fine("secrets", subject, "Ready")
        else:
            detail = _message(target, store, "default")
            cause, remedy = _why(target, store, detail)
            yield failed("secrets", subject, f"not Ready: {detail}", cause=cause, remedy=remedy)
    yield from _canary(target)


def _canary(target: Target) -> Iterator[Finding]:
    key, value = (f"{CANARY}-{target.run}", random.token_hex(8)) if target.local else (CANARY, "")
    if target.local:
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": key}, "stringData": {"value": value}}
        target.workspace.make("", "v1", "secrets", body, LOCAL_SECRETS_NAMESPACE)
    remote = {"key": key, **({"property": "value"} if target.local else {})}
    target.workspace.make(
        _GROUP,
        _VERSION,
        "externalsecrets",
        {
            "apiVersion": f"{_GROUP}/{_VERSION}",
            "kind": "ExternalSecret",
            "metadata": {"name": _READ},
            "spec": {
                "refreshInterval": "1h",
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": SECRET_STORE},
                "target": {"name": _READ},
                "data": [{"secretKey": "value", "remoteRef": remote}],
            },
        },
    )
    path = path_of(_GROUP, _VERSION, "externalsecrets", NAMESPACE, _READ)

    def settled() -> dict[str, Any] | None:
        state = condition(target.cluster.get(path), "Ready")
        return state if state.get("status") in {"True", "False"} else None

    state = target.cluster.until(settled, _SECONDS) or {}
    subject = f"a secret of {LOCAL_SECRETS_NAMESPACE if target.local else 'the vault'}"
    if state.get("status") == "True":
        arrived = target.cluster.get(path_of("", "v1", "secrets", NAMESPACE, _READ))
        yield from _compared(target, subject, base64.b64decode(arrived["data"]["value"]).decode(), value)
        return
    detail = _message(target, target.cluster.get(path), NAMESPACE)
    if not target.local and re.search(r"SecretNotFound|was not found in this key vault|does not exist", detail):
        # who may not read hears 403 instead: the sign-in works, and what is read is not shown
        vault = str(target.outputs.get("vaultUri", "")).removeprefix("https://").partition(".")[0] or "<vault>"
        make = f"az keyvault secret set --vault-name {vault} --name {CANARY} --value not-a-secret"
        yield unknown("secrets", subject, f"the store signs in, and the vault has no secret {CANARY}", make)
        return
    store = target.cluster.find(path_of(_GROUP, _VERSION, "clustersecretstores", name=SECRET_STORE)) or {}
    cause, remedy = _why(target, store, detail)
    yield failed("secrets", subject, f"it did not arrive: {detail}", cause=cause, remedy=remedy)


def _compared(target: Target, subject: str, arrived: str, value: str) -> Iterator[Finding]:
    if target.local and arrived != value:
        yield failed(
            "secrets",
            subject,
            "another value arrived than was written",
            cause=f"the store reads another namespace than {LOCAL_SECRETS_NAMESPACE}",
            remedy=target.kube("get", "clustersecretstore", SECRET_STORE, "-o", "yaml"),
        )
    else:
        yield fine("secrets", subject, "read back")


def _message(target: Target, found: Mapping[str, Any], namespace: str) -> str:
    """Return what the operator says of an object; its last event says more than its status.

    Args:
        target: the stack.
        found: the object.
        namespace: of its events; that of an object without a namespace is ``default``.
    """
    uid = found["metadata"].get("uid", "")
    events = target.cluster.items(
        path_of("", "v1", "events", namespace), fieldSelector=f"involvedObject.uid={uid},type=Warning"
    )
    last = max(events, key=lambda event: str(event.get("lastTimestamp") or ""), default=condition(found, "Ready"))
    return said(last)


def _why(target: Target, store: Mapping[str, Any], detail: str) -> tuple[str, str]:
    """Return the likely cause and the remedy, by what the store has and what the operator says."""
    up = f"make up STACK={target.stack}"
    if cause := _changed(target, (store.get("spec") or {}).get("provider") or {}):
        return cause, up
    if store and not is_true(store, "Ready"):
        detail += _message(target, store, "default")
    if "AADSTS" in detail:
        return (
            f"Entra does not trust {STORE_SERVICE_ACCOUNT} of this cluster: its federated credential is missing, or of "
            "another cluster's issuer",
            up,
        )
    if re.search(r"ForbiddenByFirewall|not authorized and caller is not a trusted", detail):
        return "the vault's firewall does not let the cluster in", f"bootstrap drift --stack {target.stack}"
    if re.search(r"Forbidden|403|forbidden|not allowed to|cannot (get|list|create)", detail):
        where = f"in namespace {LOCAL_SECRETS_NAMESPACE}" if target.local else "on the vault (Key Vault Secrets User)"
        return f"{STORE_SERVICE_ACCOUNT} has lost its role {where}, or never got it", up
    namespace = external_secrets.NAMESPACE
    if not target.cluster.find(path_of("", "v1", "serviceaccounts", namespace, STORE_SERVICE_ACCOUNT)):
        return f"the service account {STORE_SERVICE_ACCOUNT} is gone", up
    logs = target.kube("-n", namespace, "logs", "deployment/external-secrets", "--tail=20")
    return "the operator does not reach the vault, or does not run", logs


def _changed(target: Target, provider: Mapping[str, Any]) -> str:
    """Return what of a store is not as it was made; empty where all is."""
    vault, local = provider.get("azurekv") or {}, provider.get("kubernetes") or {}
    account = (vault.get("serviceAccountRef") or (local.get("auth") or {}).get("serviceAccount") or {}).get("name", "")
    if account and account != STORE_SERVICE_ACCOUNT:
        return f"the store signs in as {account}, not as {STORE_SERVICE_ACCOUNT}"
    if local and local.get("remoteNamespace") != LOCAL_SECRETS_NAMESPACE:
        return f"the store reads namespace {local.get('remoteNamespace')}, not {LOCAL_SECRETS_NAMESPACE}"
    tenant = str(target.settings.azure.tenant_id) if target.settings.azure is not None else ""
    if vault and vault.get("tenantId") != tenant:
        return f"the store signs in to tenant {vault.get('tenantId')}, azure.tenantId is {tenant}"
    return ""


CHECK = Check(
    name="secrets",
    does="reads the ClusterSecretStores, and reads a secret back through an ExternalSecret of its own",
    ask=stores,
    makes_objects=True,
)
