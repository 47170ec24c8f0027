"""JSON Schema of ``tenants/<app>.yaml``, for editors: generated from the model, committed as ``tenant.schema.json``."""

import json
from pathlib import Path
from typing import Any

from bootstrap.delivery.tenants import Tenant

FILE = "tenant.schema.json"


def tenant_schema() -> dict[str, Any]:
    """Return the schema of a tenant's file.

    What concerns several files, such as hosts that two applications claim, is `bootstrap validate`'s.
    """
    schema = Tenant.model_json_schema(by_alias=True)
    for key in ("chart", "manifests"):
        field = schema["properties"][key]
        # to the model, what is not there is null; a file has to leave it out
        [given] = [branch for branch in field.pop("anyOf") if branch != {"type": "null"}]
        del field["default"]
        field.update(given)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "File of a tenant",
        "oneOf": [{"required": [key]} for key in ("chart", "manifests")],
    }


def write_schema(root: Path) -> Path:
    """Write the schema, and return its path."""
    path = root / FILE
    path.write_text(json.dumps(tenant_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
