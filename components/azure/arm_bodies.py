"""What azure-native calls inputs as what Azure calls a body, and back.

azure-native takes most properties of a resource at its top level, where Azure has them under ``properties``, and a few
under other names. https://learn.microsoft.com/azure/templates/ has every type's own page.
"""

import re
from collections.abc import Mapping
from typing import Any

from components.azure.resource_types import resource_type

_ENVELOPE = frozenset(
    {"etag", "extendedLocation", "identity", "kind", "location", "sku", "systemData", "tags", "zones"}
)
"""What stands beside ``properties``. https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax#resources"""

_NAMES: Mapping[str, Mapping[str, str]] = {
    "dns:RecordSet": {"aRecords": "ARecords", "ttl": "TTL"},
    "storage:StorageAccount": {"enableHttpsTrafficOnly": "supportsHttpsTrafficOnly", "networkRuleSet": "networkAcls"},
}
"""Properties that the SDK calls otherwise than Azure does."""

_FLATTENED = frozenset({"delegations", "privateDnsZoneConfigs", "privateLinkServiceConnections", "subnets"})
"""Lists whose items azure-native flattens as it does whole resources: beside ``properties`` stand only these."""

_BESIDE = frozenset({"etag", "id", "name", "type"})

_ITEM_NAMES: Mapping[str, Mapping[str, str]] = {"virtualNetworkRules": {"virtualNetworkResourceId": "id"}}
"""Lists below rules of a network, and properties of their items that the SDK calls otherwise than Azure does."""

_KEBAB = frozenset({"autoScalerProfile"})
"""Properties whose keys Azure has in kebab case."""


def to_body(token: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that azure-native sends for inputs, or that an answer with these outputs has.

    Args:
        token: with or without ``azure-native:``.
        inputs: plain data, as the SDK takes it.

    Raises:
        KeyError: the program does not use the type.
    """
    known = resource_type(token)
    names = _NAMES.get(known.pulumi_type, {})
    body: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for key, value in inputs.items():
        if key in known.places or value is None:
            continue
        if key == "properties":
            properties.update(value)
        elif key in _ENVELOPE - known.inner:
            body[key] = value
        else:
            properties[names.get(key, key)] = _nested(key, value)
    identities = body.get("identity", {}).get("userAssignedIdentities")
    if isinstance(identities, list):
        body["identity"] = {**body["identity"], "userAssignedIdentities": {identity: {} for identity in identities}}
    if properties:
        body["properties"] = properties
    return body


def from_body(token: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of which :func:`to_body` makes a body; those that name the resource are not among them.

    Args:
        token: with or without ``azure-native:``.
        body: plain data, as Azure takes it.

    Raises:
        KeyError: the program does not use the type.
    """
    known = resource_type(token)
    inputs = {key: value for key, value in body.items() if key in _ENVELOPE - known.inner}
    properties = body.get("properties") or {}
    if known.nested:
        inputs["properties"] = dict(properties)
    else:
        names = {theirs: ours for ours, theirs in _NAMES.get(known.pulumi_type, {}).items()}
        inputs.update({names.get(key, key): _flat(key, value) for key, value in properties.items()})
    identities = (inputs.get("identity") or {}).get("userAssignedIdentities")
    if isinstance(identities, Mapping):
        inputs["identity"] = {**inputs["identity"], "userAssignedIdentities": list(identities)}
    return inputs


def _nested(key: str, value: Any) -> Any:
    if key in _KEBAB:
        return {re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower(): item for name, item in value.items()}
    if key in _FLATTENED:
        return [_nested_item(item) for item in value]
    return _renamed(value, _ITEM_NAMES) if key == "networkRuleSet" else value


def _renamed(value: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    return {
        key: [{names[key].get(name, name): part for name, part in item.items()} for item in items]
        if key in names
        else items
        for key, items in value.items()
    }


def _nested_item(item: Mapping[str, Any]) -> dict[str, Any]:
    beside = {name: part for name, part in item.items() if name in _BESIDE}
    return {**beside, "properties": {name: _nested(name, part) for name, part in item.items() if name not in _BESIDE}}


def _flat(key: str, value: Any) -> Any:
    if key in _KEBAB:
        return {re.sub(r"-(\w)", lambda match: match[1].upper(), name): item for name, item in value.items()}
    if key in _FLATTENED:
        return [
            {
                **{name: part for name, part in item.items() if name != "properties"},
                **{name: _flat(name, part) for name, part in (item.get("properties") or {}).items()},
            }
            for item in value
        ]
    if key in {"networkRuleSet", "networkAcls"}:
        back = {key: {theirs: ours for ours, theirs in names.items()} for key, names in _ITEM_NAMES.items()}
        return _renamed(value, back)
    return value
