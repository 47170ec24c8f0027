"""Azure's own answers, by its typed clients; nothing is changed, and every request is on record."""

import base64
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import RetryPolicy, SansIOHTTPPolicy
from azure.core.rest import HttpRequest
from azure.identity import (
    AzureCliCredential,
    ClientAssertionCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
)
from azure.mgmt.authorization.v2020_10_01 import AuthorizationManagementClient as EligibilityClient
from azure.mgmt.authorization.v2022_04_01 import AuthorizationManagementClient
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.containerregistry import ContainerRegistryManagementClient
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.dns import DnsManagementClient
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.network import NetworkManagementClient
from azure.mgmt.resource.deployments import DeploymentsMgmtClient
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient
from azure.mgmt.storage import StorageManagementClient

ENDPOINT = "https://management.azure.com"
_SCOPE = f"{ENDPOINT}/.default"

_READING_POSTS = ("/checknameavailability", "/validate", "/whatif", "/listclusterusercredential")
"""What is asked by POST, and changes nothing."""


class WritingError(Exception):
    """A request would have changed something; it was not sent."""


class Clients:
    """Azure's clients for one subscription. They are made when they are first used."""

    def __init__(
        self,
        subscription_id: str,
        credential: TokenCredential,
        *,
        endpoint: str = ENDPOINT,
        authentication: SansIOHTTPPolicy[Any, Any] | None = None,
    ) -> None:
        """Ask a subscription.

        Args:
            subscription_id: the subscription's id.
            credential: what signs in.
            endpoint: URL of Azure Resource Manager.
            authentication: signs requests in, in place of the bearer token over HTTPS.
        """
        self._record = _Record()
        self._credential = _OneToken(credential)
        self._arguments: dict[str, Any] = {
            "base_url": endpoint,
            "credential_scopes": [_SCOPE],
            "per_call_policies": [self._record],
            # a question that is not answered in seconds is one that cannot be answered
            "retry_policy": RetryPolicy(retry_total=2, retry_backoff_factor=0.2, timeout=6),
            "connection_timeout": 5,
            "read_timeout": 20,
            **({"authentication_policy": authentication} if authentication is not None else {}),
        }
        self._subscription_id = subscription_id

    @property
    def calls(self) -> list[str]:
        """Every request so far: method and path."""
        return self._record.calls

    def claims(self) -> Mapping[str, Any]:
        """Return what the token says of who is signed in, such as ``oid``, ``tid`` and ``groups``.

        Nothing is verified: Azure does that with every request.
        """
        token = self._credential.get_token(_SCOPE).token
        payload = token.split(".")[1] if token.count(".") == 2 else ""
        try:
            found: Mapping[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except ValueError:
            return {}
        return found

    def existing(self, types: Sequence[str]) -> set[str]:
        """Return the ids, in lower case, of the subscription's resources of some types."""
        condition = " or ".join(f"resourceType eq '{type_}'" for type_ in types)
        return {str(found.id).lower() for found in self.resources.resources.list(filter=condition)}

    def read(self, path: str, api_version: str) -> Mapping[str, Any]:
        """Return what Azure answers about a resource of a type that no typed client here is for.

        Args:
            path: its ARM id.
            api_version: of the type.

        Raises:
            HttpResponseError: Azure does not give it.
        """
        return self._answer(HttpRequest("GET", path, params={"api-version": api_version}))

    def read_all(self, path: str, api_version: str) -> Iterator[Mapping[str, Any]]:
        """Yield the items of a list, page by page.

        Args:
            path: of the list.
            api_version: of the type.

        Raises:
            HttpResponseError: Azure does not give it.
        """
        answer = self.read(path, api_version)
        yield from answer.get("value") or ()
        while url := answer.get("nextLink"):
            answer = self._answer(HttpRequest("GET", str(url)))
            yield from answer.get("value") or ()

    def _answer(self, request: HttpRequest) -> Mapping[str, Any]:
        answer = self.resources.send_request(request)
        answer.raise_for_status()
        found: Mapping[str, Any] = answer.json()
        return found

    @cached_property
    def subscriptions(self) -> SubscriptionClient:
        """Subscriptions."""
        return SubscriptionClient(self._credential, **self._arguments)

    @cached_property
    def authorization(self) -> AuthorizationManagementClient:
        """Role assignments, definitions and deny assignments."""
        return AuthorizationManagementClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def eligibility(self) -> EligibilityClient:
        """Roles that may be activated."""
        return EligibilityClient(self._credential, **self._arguments)

    @cached_property
    def resources(self) -> ResourceManagementClient:
        """Resource providers."""
        return ResourceManagementClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def deployments(self) -> DeploymentsMgmtClient:
        """Preflight validation and what-if."""
        return DeploymentsMgmtClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def compute(self) -> ComputeManagementClient:
        """VM sizes and their quotas."""
        return ComputeManagementClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def network(self) -> NetworkManagementClient:
        """Quotas of the network."""
        return NetworkManagementClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def kubernetes(self) -> ContainerServiceClient:
        """Clusters, and the versions that are offered."""
        return ContainerServiceClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def vaults(self) -> KeyVaultManagementClient:
        """Names of vaults, and deleted ones."""
        return KeyVaultManagementClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def registries(self) -> ContainerRegistryManagementClient:
        """Names of registries."""
        return ContainerRegistryManagementClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def dns(self) -> DnsManagementClient:
        """DNS zones."""
        return DnsManagementClient(self._credential, self._subscription_id, **self._arguments)

    @cached_property
    def storage(self) -> StorageManagementClient:
        """The storage account of Pulumi's state."""
        return StorageManagementClient(self._credential, self._subscription_id, **self._arguments)


class _OneToken:
    """Asks a credential once: the Azure CLI starts a process for every token, and every client asks for its own."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential
        self._lock = threading.Lock()
        self._token: AccessToken | None = None

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return the token, which is of the one scope that is asked for, for as long as it is good."""
        if options.get("claims"):  # Azure refused the token, and says what another one has to have
            return self._credential.get_token(*scopes, **options)
        with self._lock:
            if self._token is None or self._token.expires_on < time.time() + 300:
                self._token = self._credential.get_token(*scopes)
            return self._token


class _Record(SansIOHTTPPolicy[Any, Any]):
    """Records every request, and stops one that would change something."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def on_request(self, request: PipelineRequest[Any]) -> None:
        method = request.http_request.method
        path = request.http_request.url.partition("?")[0].partition("://")[2].partition("/")[2]
        if method != "GET" and not (method == "POST" and path.lower().endswith(_READING_POSTS)):
            raise WritingError(f"{method} /{path}")
        with self._lock:
            self.calls.append(f"{method} /{path}")


def credential_from_environment(tenant_id: str, environment: Mapping[str, str] = os.environ) -> TokenCredential:
    """Return what Pulumi's Azure provider signs in with, too: the variables that begin with ARM_, or the Azure CLI.

    https://www.pulumi.com/registry/packages/azure-native/installation-configuration/#credentials

    Args:
        tenant_id: the stack's tenant.
        environment: variables.
    """
    tenant, client = environment.get("ARM_TENANT_ID", tenant_id), environment.get("ARM_CLIENT_ID", "")
    if client and (secret := environment.get("ARM_CLIENT_SECRET")):
        return ClientSecretCredential(tenant, client, secret)
    if client and (token := environment.get("ARM_OIDC_TOKEN")):
        return ClientAssertionCredential(tenant, client, lambda: token)
    if client and (path := environment.get("ARM_OIDC_TOKEN_FILE_PATH")):
        return ClientAssertionCredential(tenant, client, lambda: Path(path).read_text(encoding="utf-8").strip())
    if environment.get("ARM_USE_MSI") == "true":
        return ManagedIdentityCredential(client_id=client or None)
    return AzureCliCredential(tenant_id=tenant)


def signs_in_with_the_cli(environment: Mapping[str, str]) -> bool:
    """Whether nothing but the Azure CLI is there to sign in with."""
    return isinstance(credential_from_environment("", environment), AzureCliCredential)
