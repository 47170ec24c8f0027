"""Secrets of Argo CD that hold credentials, as objects that bring them from the store: none passes through Pulumi."""

from collections.abc import Mapping
from typing import Any

from conventions import ARGO_CD_SECRET_STORE, IMAGE_UPDATER_SECRET
from settings.addons import RepositoryCredential, WriteCredential
from settings.repositories import without_scheme

REPOSITORY_LABELS = {"argocd.argoproj.io/secret-type": "repo-creds"}


def identity_secret(repository: RepositoryCredential) -> dict[str, str]:
    """Return what a repository Secret holds where Argo CD signs in as its identity: no secret.

    A registry's charts are Helm's: of type ``oci`` Argo CD 3.4 signs in with a password only. What it takes for the
    host is all that stands before the first slash, so there is no scheme.
    https://github.com/argoproj/argo-cd/blob/v3.4.4/util/helm/creds.go (GetAccessToken)
    https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#azure-container-registryazure-repos-using-azure-workload-identity
    """
    if repository.registry is None:
        return {"type": "git", "url": repository.url, "useAzureWorkloadIdentity": "true"}
    url = without_scheme(repository.url).rstrip("/")
    return {"type": "helm", "url": url, "enableOCI": "true", "useAzureWorkloadIdentity": "true"}


def external_secret(repository: RepositoryCredential, *, vault: bool) -> dict[str, Any]:
    """Return the spec that makes a repository Secret from what the store holds.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repository-credentials
    """
    data = {"type": "git", "url": repository.url, **_content(repository)}
    # every kind but workloadIdentity has one: settings/addons.py
    return from_store(repository.name, repository.vault_secret or "", data, labels=REPOSITORY_LABELS, vault=vault)


def write_secret(credential: WriteCredential, *, vault: bool) -> dict[str, Any]:
    """Return the spec that makes the Secret that Image Updater pushes with; no label makes Argo CD read with it.

    https://argocd-image-updater.readthedocs.io/en/stable/basics/update-methods/#method-git-credentials
    """
    return from_store(IMAGE_UPDATER_SECRET, credential.vault_secret, _content(credential), labels={}, vault=vault)


def _content(credential: RepositoryCredential | WriteCredential) -> dict[str, str]:
    """Return what a Secret of Argo CD's has around what the store holds."""
    if credential.kind == "password":
        return {"username": credential.username, "password": "{{ .value }}"}
    if credential.kind == "sshKey":
        return {"sshPrivateKey": "{{ .value }}"}
    return {
        "githubAppID": str(credential.github_app_id),
        "githubAppInstallationID": str(credential.github_app_installation_id),
        "githubAppPrivateKey": "{{ .value }}",
    }


def from_store(
    name: str, vault_secret: str, data: Mapping[str, str], *, labels: Mapping[str, str], vault: bool
) -> dict[str, Any]:
    """Return the spec of an ExternalSecret that makes a Secret around one text of the store.

    Args:
        name: the Secret's name.
        vault_secret: what the store calls the text.
        data: what the Secret holds, with ``{{ .value }}`` in place of the text.
        labels: the Secret's labels.
        vault: whether the store is a vault, whose secret is one text; a local cluster's is a Secret with keys, of
            which ``value`` is taken.
    """
    remote = {"key": vault_secret, **({} if vault else {"property": "value"})}
    return {
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": ARGO_CD_SECRET_STORE},
        "target": {
            "name": name,
            "template": {"engineVersion": "v2", "metadata": {"labels": dict(labels)}, "data": dict(data)},
        },
        "data": [{"secretKey": "value", "remoteRef": remote}],
    }
