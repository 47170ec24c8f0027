"""Azure Resource Manager on loopback: answers the doctor's questions for a subscription that tests describe.

Bodies have the form of Azure's REST documentation; what does not matter to a question is left out.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from azure.core.credentials import AccessToken
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from bootstrap.platform.doctor.azure import Clients
from bootstrap.platform.doctor.needs import Needs
from tests.loopback import send_json

PRINCIPAL = "5f0c6f3e-58d8-4f9b-8c8e-0b2b1d7a9a11"
OWNER, CONTRIBUTOR, ACCESS = (
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
)
# https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
ROLES = {
    OWNER: ("Owner", ["*"], []),
    CONTRIBUTOR: (
        "Contributor",
        ["*"],
        [
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Resources/deploymentStacks/*",
        ],
    ),
    ACCESS: ("User Access Administrator", ["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"], []),
}

Reply = tuple[int, Any]


@dataclass
class Subscription:
    """A subscription, as far as the doctor asks."""

    needs: Needs
    claims: dict[str, Any] = field(default_factory=dict)
    state: str = "Enabled"
    tenant: str = ""
    visible: bool = True
    assignments: list[dict[str, Any]] = field(default_factory=list)
    eligible: list[dict[str, Any]] = field(default_factory=list)
    denials: list[dict[str, Any]] = field(default_factory=list)
    providers: dict[str, dict[str, Any]] = field(default_factory=dict)
    skus: dict[str, dict[str, Any]] = field(default_factory=dict)
    cores: dict[str, list[int]] = field(default_factory=dict)
    """Used and allowed, by family."""
    network: dict[str, list[int]] = field(default_factory=dict)
    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    existing: set[str] = field(default_factory=set)
    deleted_vaults: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    zones: dict[str, list[str]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    validation: dict[str, Any] | None = None
    """Error of the preflight."""
    forbidden: tuple[str, ...] = ()
    """Regular expressions of paths that are answered with 403."""
    delay: float = 0.0
    calls: list[str] = field(default_factory=list)

    @classmethod
    def healthy(cls, needs: Needs) -> "Subscription":
        """Return one that has everything that a plan needs, and nothing of it yet."""
        tenant = str(needs.azure.tenant_id)
        found = cls(needs=needs, tenant=tenant)
        found.claims = {"oid": PRINCIPAL, "tid": tenant, "upn": "engineer@example.com"}
        found.assignments = [assignment(OWNER, needs.subscription)]
        types: dict[str, dict[str, Any]] = {}
        for request in needs.requests:
            space, _, type_ = request.type.partition("/")
            entry = types.setdefault(space, {}).setdefault(
                type_, {"resourceType": type_, "locations": [], "apiVersions": []}
            )
            entry["apiVersions"].append(request.api_version)
            if place := request.body.get("location"):
                entry["locations"].append("Sweden Central" if place == "swedencentral" else place)
        for space in needs.namespaces:
            resource_types = list(types.get(space, {}).values())
            found.providers[space] = {"registrationState": "Registered", "resourceTypes": resource_types}
        for nodes in needs.nodes:
            found.skus[nodes.vm_size] = sku(nodes.vm_size, needs.location)
            found.cores[found.skus[nodes.vm_size]["family"]] = [0, 1000]
        found.cores |= {"cores": [0, 1000], "lowPriorityCores": [0, 1000]}
        found.network = {
            name: [0, 100] for name in ("StaticPublicIPAddresses", "StandardSkuPublicIpAddresses", "PublicIPPrefixes")
        } | {name: [0, 100] for name in ("NatGateways", "VirtualNetworks")}
        found.versions = {
            minor: {"version": minor, "capabilities": {"supportPlan": plans}, "patchVersions": {f"{minor}.4": {}}}
            for minor, plans in (
                ("1.34", ["KubernetesOfficial", "AKSLongTermSupport"]),
                ("1.35", ["KubernetesOfficial", "AKSLongTermSupport"]),
                ("1.36", ["KubernetesOfficial", "AKSLongTermSupport"]),
            )
        }
        return found


def assignment(role: str, scope: str, condition: str | None = None) -> dict[str, Any]:
    properties = {"roleDefinitionId": definition(role), "scope": scope, "principalId": PRINCIPAL}
    return {"properties": {**properties, **({"condition": condition} if condition else {})}}


def definition(role: str) -> str:
    return f"/providers/Microsoft.Authorization/roleDefinitions/{role}"


def sku(name: str, location: str) -> dict[str, Any]:
    vcpus = re.search(r"\d+", name)
    assert vcpus
    return {
        "resourceType": "virtualMachines",
        "name": name,
        "family": f"standard{re.sub(r'Standard_|[0-9]+', '', name, count=2).replace('_', '').upper()}Family",
        "locations": [location],
        "locationInfo": [{"location": location, "zones": ["1", "2", "3"]}],
        "capabilities": [{"name": "vCPUs", "value": vcpus[0]}],
        "restrictions": [],
    }


class Anonymous(SansIOHTTPPolicy[Any, Any]):
    """Leaves requests as they are: a bearer token goes over HTTPS only."""

    def on_request(self, request: PipelineRequest[Any]) -> None:
        pass


class LoopbackAzure:
    """Serves one subscription after the other, to the same clients: making those takes longer than all questions."""

    def __init__(self) -> None:
        self.subscription: Subscription | None = None
        azure = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                azure.respond(self)

            do_GET = do_POST = do_PUT = do_DELETE = respond

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self._clients: Clients | None = None

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        assert self.subscription is not None
        body = json.loads(handler.rfile.read(int(handler.headers.get("Content-Length") or 0)) or b"null")
        path = unquote(urlsplit(handler.path).path)
        self.subscription.calls.append(f"{handler.command} {path}")
        time.sleep(self.subscription.delay)
        status, answer = reply(self.subscription, handler.command, path, body)
        send_json(handler, status, answer)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Sign in with a token that says what the subscription's claims are."""
        assert self.subscription is not None
        payload = base64.urlsafe_b64encode(json.dumps(self.subscription.claims).encode()).decode().rstrip("=")
        # too short to be kept: the next world signs in as somebody else
        return AccessToken(f"e30.{payload}.", int(time.time()) + 60)

    def serving(self, subscription: Subscription) -> Clients:
        """Serve a subscription from now on, and return clients that ask it."""
        self.subscription = subscription
        if self._clients is None:
            self._clients = Clients(
                subscription.needs.subscription_id,
                self,
                endpoint=f"http://127.0.0.1:{self.server.server_port}",
                authentication=Anonymous(),
            )
        self._clients.calls.clear()
        return self._clients

    def stop(self) -> None:
        """Serve no longer."""
        self.server.shutdown()
        self.server.server_close()


def error(status: int, code: str, message: str = "no") -> Reply:
    return status, {"error": {"code": code, "message": message}}


def reply(world: Subscription, method: str, path: str, body: Any) -> Reply:
    """Answer one request."""
    if any(re.search(form, path) for form in world.forbidden):
        return error(403, "AuthorizationFailed", "The client does not have authorization to perform action.")
    for form, answer in _ROUTES.items():
        if match := re.fullmatch(form, f"{method} {path}", re.IGNORECASE):
            found = answer(world, match, body)
            return found if isinstance(found, tuple) else (200, found)
    raise AssertionError(f"the doctor asked what nobody answers: {method} {path}")


def listed(items: list[Any]) -> dict[str, Any]:
    return {"value": items}


def _subscription(world: Subscription, match: re.Match[str], _: Any) -> Any:
    if not world.visible:
        return error(404, "SubscriptionNotFound")
    return {"subscriptionId": match[1], "displayName": "platform", "state": world.state, "tenantId": world.tenant}


def _role(world: Subscription, match: re.Match[str], _: Any) -> Any:
    name, actions, excluded = ROLES[match[1]]
    permissions = [{"actions": actions, "notActions": excluded}]
    return {"id": definition(match[1]), "properties": {"roleName": name, "permissions": permissions}}


def _usages(numbers: Mapping[str, list[int]]) -> Any:
    return listed(
        [
            {"name": {"value": name, "localizedValue": name}, "currentValue": used, "limit": limit, "unit": "Count"}
            for name, (used, limit) in numbers.items()
        ]
    )


def _deleted_vault(world: Subscription, match: re.Match[str], _: Any) -> Any:
    if match[1] not in world.deleted_vaults:
        return error(404, "DeletedVaultNotFound")
    return {"name": match[1], "properties": {}}


def _availability(world: Subscription, _: re.Match[str], body: Any) -> Any:
    taken = body["name"] in world.taken
    return {"nameAvailable": not taken, **({"reason": "AlreadyExists", "message": "already in use"} if taken else {})}


def _zone(world: Subscription, match: re.Match[str], _: Any) -> Any:
    if match[1] not in world.zones:
        return error(404, "ResourceNotFound")
    return {"name": match[1], "location": "global", "properties": {"nameServers": world.zones[match[1]]}}


def _accounts(world: Subscription, match: re.Match[str], _: Any) -> Any:
    prefix = f"/subscriptions/{match[1]}/resourceGroups/state/providers/Microsoft.Storage/storageAccounts"
    return listed([{"id": f"{prefix}/{name}", "name": name, "location": "x"} for name in world.accounts])


def _preflight(world: Subscription, _: re.Match[str], body: Any) -> Any:
    assert body["properties"]["template"]["resources"]
    if world.validation is not None:
        return 400, {"error": world.validation}
    return {"properties": {"provisioningState": "Succeeded"}}


def _what_if(world: Subscription, _: re.Match[str], body: Any) -> Any:
    changes = [{"resourceId": f"/r/{n}", "changeType": "Create"} for n in range(3)]
    return {"status": "Succeeded", "properties": {"changes": changes}}


_S = "/subscriptions/([^/]+)"
_P = f"{_S}/providers"
_ROUTES: dict[str, Callable[[Subscription, re.Match[str], Any], Any]] = {
    f"GET {_S}": _subscription,
    r"GET .*/providers/Microsoft.Authorization/roleAssignments": lambda w, m, b: listed(w.assignments),
    r"GET /providers/Microsoft.Authorization/roleDefinitions/([^/]+)": _role,
    r"GET .*/providers/Microsoft.Authorization/denyAssignments": lambda w, m, b: listed(w.denials),
    r"GET .*/providers/Microsoft.Authorization/roleEligibilityScheduleInstances": lambda w, m, b: listed(w.eligible),
    f"GET {_P}/Microsoft.Compute/skus": lambda w, m, b: listed(list(w.skus.values())),
    f"GET {_P}/Microsoft.Compute/locations/[^/]+/usages": lambda w, m, b: _usages(w.cores),
    f"GET {_P}/Microsoft.Network/locations/[^/]+/usages": lambda w, m, b: _usages(w.network),
    f"GET {_P}/Microsoft.ContainerService/locations/[^/]+/kubernetesVersions": lambda w, m, b: {
        "values": list(w.versions.values())
    },
    f"GET {_P}/Microsoft.KeyVault/locations/[^/]+/deletedVaults/([^/]+)".replace(_S, "/subscriptions/[^/]+"): (
        _deleted_vault
    ),
    f"POST {_P}/Microsoft.KeyVault/checkNameAvailability": _availability,
    f"POST {_P}/Microsoft.ContainerRegistry/checkNameAvailability": _availability,
    r"GET .*/providers/Microsoft.Network/dnsZones/([^/]+)": _zone,
    f"GET {_P}/Microsoft.Storage/storageAccounts": _accounts,
    r"GET .*/providers/Microsoft.Storage/storageAccounts/([^/]+)/blobServices/default": lambda w, m, b: {
        "properties": w.accounts[m[1]]
    },
    f"GET {_S}/resources": lambda w, m, b: listed([{"id": id_} for id_ in sorted(w.existing)]),
    r"GET /subscriptions/[^/]+/providers/([^/]+)": lambda w, m, b: {"namespace": m[1], **w.providers[m[1]]},
    f"POST {_P}/Microsoft.Resources/deployments/[^/]+/validate": _preflight,
    f"POST {_P}/Microsoft.Resources/deployments/[^/]+/whatIf": _what_if,
}
