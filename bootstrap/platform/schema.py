"""JSON Schema of stack files, for editors: generated from the models, committed as ``stack.schema.json``."""

import json
from pathlib import Path
from typing import Any

from conventions import NAMESPACE
from settings import Settings

FILE = "stack.schema.json"


def stack_schema() -> dict[str, Any]:
    """Return the schema of a whole ``Pulumi.<stack>.yaml``.

    It contains what the models define for a single key: type, choices, bounds, description, default. Rules across keys
    are checked only by the program, whose messages name the remedy.
    """
    models = Settings.model_json_schema(by_alias=True)
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
                # keys of Pulumi and of providers are not validated here
                "patternProperties": {f"^(?!{NAMESPACE}:)": True},
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


def write_schema(root: Path) -> Path:
    """Write the schema to the path that stack files refer to, and return the path."""
    path = root / FILE
    path.write_text(json.dumps(stack_schema(), indent=2) + "\n", encoding="utf-8")
    return path
