"""JSON Schema of stack files, for editors: generated from the models, committed as ``stack.schema.json``."""

import json
from pathlib import Path
from typing import Any

from conventions import NAMESPACE
from settings import Settings

FILE = "stack.schema.json"


def stack_schema() -> dict[str, Any]:
    """Return the schema of a whole ``Pulumi.<stack>.yaml``.

    It says what a model says of one key: type, choices, bounds, description, default. Rules between keys stay the
    program's, whose messages name the remedy.
    """
    models = _with_closed_mappings(Settings.model_json_schema(by_alias=True))
    definitions = models.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Stack file of {NAMESPACE}",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {f"{NAMESPACE}:{key}": schema for key, schema in models["properties"].items()},
                "required": [f"{NAMESPACE}:{key}" for key in models["required"]],
                # keys of Pulumi and its providers are theirs to check; one that is nearly ours is a mistake
                "patternProperties": {f"^(?!{NAMESPACE}:)(?![Aa][Kk][Ss])": True},
                "additionalProperties": False,
            },
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
            "environment": True,
        },
        "required": ["config"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _with_closed_mappings(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Refuse keys of another form, which pydantic leaves to whoever reads the schema."""
    if isinstance(schema, list):
        return [_with_closed_mappings(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "patternProperties" in schema else {}
    return {**{key: _with_closed_mappings(value) for key, value in schema.items()}, **closed}


def write_schema(root: Path) -> Path:
    """Write the schema where stack files look for it, and return the path."""
    path = root / FILE
    path.write_text(json.dumps(stack_schema(), indent=2) + "\n", encoding="utf-8")
    return path
