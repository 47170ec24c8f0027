"""The kubeconfig of an Entra-only cluster: kubelogin signs in, and no credential is stored.

Azure's own call gives a kubeconfig for device-code sign-in even when asked for ``exec`` (azure-native issues 2399 and
2579), so only the server and its certificate authority are taken from it.
"""

import base64
import binascii
import json
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

ENTRA_SERVER_APPLICATION = "6dae42f8-4368-4678-94ff-3960e28e3630"
"""The AKS server application, the same in every tenant.

https://learn.microsoft.com/azure/aks/kubelogin-authentication
"""


def exec_kubeconfig(credentials: str, *, cluster_name: str, tenant_id: str, login: str) -> str:
    """Turn what Azure returned into a kubeconfig whose user is a kubelogin command.

    Args:
        credentials: ``kubeconfigs[0].value`` of ``listClusterUserCredential``: a kubeconfig, base64-encoded.
        cluster_name: name of the context.
        tenant_id: Entra tenant.
        login: kubelogin's ``--login`` mode.

    Returns:
        A kubeconfig as JSON, which is YAML too. It holds no secret.

    Raises:
        ValueError: the credentials name no server; the text holds nothing of them.
    """
    server = _cluster_of(credentials)
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster_name, "cluster": server}],
            "users": [
                {
                    "name": cluster_name,
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1",
                            "command": "kubelogin",
                            "args": [
                                "get-token",
                                "--login",
                                login,
                                "--server-id",
                                ENTRA_SERVER_APPLICATION,
                                "--tenant-id",
                                tenant_id,
                            ],
                            "interactiveMode": "Never",
                            "provideClusterInfo": False,
                            "installHint": "kubelogin is missing: https://azure.github.io/kubelogin/install.html",
                        }
                    },
                }
            ],
            "contexts": [{"name": cluster_name, "context": {"cluster": cluster_name, "user": cluster_name}}],
            "current-context": cluster_name,
        },
        sort_keys=True,
    )


def _cluster_of(credentials: str) -> dict[str, Any]:
    try:
        document = YAML(typ="safe").load(base64.b64decode(credentials, validate=True))
        cluster = document["clusters"][0]["cluster"]
        return {
            "server": cluster["server"],
            "certificate-authority-data": cluster["certificate-authority-data"],
        }
    except (binascii.Error, YAMLError, UnicodeDecodeError, LookupError, TypeError):
        raise ValueError("Azure's answer to listClusterUserCredential is not a kubeconfig with a server") from None
