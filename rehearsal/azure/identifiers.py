"""Identifiers that the stand-in makes up, the same each time that it is asked."""

import uuid
from collections.abc import Mapping
from typing import Any

_NAMESPACE = uuid.UUID("2f4c1a7e-93b0-5d68-8f1e-6c0b7a9d3e52")


def stable_uuid(resource: Mapping[str, Any], purpose: str) -> str:
    """Return a GUID that stays the same for the life of a resource, and differs once the resource is recreated."""
    return str(uuid.uuid5(_NAMESPACE, f"{resource['id'].lower()}|{resource['serial']}|{purpose}"))
