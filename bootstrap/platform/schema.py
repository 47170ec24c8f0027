"""JSON Schema of stack files, for editors: generated from the models, committed as ``stack.schema.json``."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conventions import NAMESPACE
from settings import Settings
from settings.report import Section

FILE = "stack.schema.json"


def stack_schema() -> dict[str, Any]:
    """Return the schema of a whole ``Pulumi.<stack>.yaml``.

    It contains what the models define for a single key: type, choices, bounds, description, default. Rules across keys
    are checked only by the program, whose messages name the remedy.
    """
    models = _with_closed_mappings(Settings.model_json_schema(by_alias=True))
    definitions = models.pop("$defs")
    for model in _sections():
        described = models if model is Settings else definitions.get(model.__name__)
        if described is not None:
            _describe(described["properties"], model)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Stack file of {NAMESPACE}",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {f"{NAMESPACE}:{key}": schema for key, schema in models["properties"].items()},
                "required": [f"{NAMESPACE}:{key}" for key in models["required"]],
                # keys of Pulumi and of providers are not validated here; one that is nearly ours is a mistake
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


def _sections() -> Iterator[type[Section]]:
    """Return every model of a stack file, found through their base class."""
    todo: list[type[Section]] = [Section]
    while todo:
        for model in todo.pop().__subclasses__():
            todo.append(model)
            yield model


def _describe(properties: dict[str, dict[str, Any]], model: type[Section]) -> None:
    """Write the docstrings below a model's fields into its properties."""
    for base in reversed([base for base in model.mro() if issubclass(base, Section)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        if not isinstance(body, ast.ClassDef):
            continue
        for field, below in zip(body.body, body.body[1:], strict=False):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=str(name))), ast.Expr(value=ast.Constant(value=str(text))):
                    key = model.model_fields[name].alias or name
                    properties[key] = dict(sorted({**properties[key], "description": inspect.cleandoc(text)}.items()))


def _with_closed_mappings(schema: Any) -> Any:
    """Refuse keys of another form, which pydantic leaves to whoever reads the schema."""
    if isinstance(schema, list):
        return [_with_closed_mappings(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if "patternProperties" in schema else {}
    return {**{key: _with_closed_mappings(value) for key, value in schema.items()}, **closed}


def write_schema(root: Path) -> Path:
    """Write the schema to the path that stack files refer to, and return the path."""
    path = root / FILE
    path.write_text(json.dumps(stack_schema(), indent=2) + "\n", encoding="utf-8")
    return path
