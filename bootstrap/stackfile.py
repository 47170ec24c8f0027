"""Reads a stack's configuration from its files, as the Pulumi CLI would, without the CLI."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bootstrap.errors import StackFileError


class StackConfig(NamedTuple):
    """What ``pulumi.Config`` would see."""

    project: str
    values: dict[str, str]
    """Full keys (``aks-bootstrap:cluster``) to text; structured values are JSON, as the CLI hands them over."""
    secret_keys: list[str]
    """Keys that hold an encrypted value anywhere."""


def read_stack(root: Path, stack: str) -> StackConfig:
    """Read ``Pulumi.yaml`` and ``Pulumi.<stack>.yaml``.

    Encrypted values stay closed: each is replaced by the word ``[secret]``.

    Raises:
        StackFileError: a file is missing or is not YAML; the text names it and lists the stacks that are there.
    """
    project = _read(root / "Pulumi.yaml")
    name = str(project.get("name", ""))
    path = root / f"Pulumi.{stack}.yaml"
    if not path.exists():
        there = sorted(file.name.split(".")[1] for file in root.glob("Pulumi.*.yaml"))
        raise StackFileError(f"there is no {path.name} in {root}; stacks: {', '.join(there) or 'none'}")
    given = _read(path).get("config") or {}

    raw: dict[str, Any] = {}
    for key, declared in (project.get("config") or {}).items():
        if isinstance(declared, dict) and "default" in declared:
            raw[_full(key, name)] = declared["default"]
    raw |= {_full(key, name): value for key, value in given.items()}

    values: dict[str, str] = {}
    secret_keys: list[str] = []
    for key, value in raw.items():
        opened, secret = _open(value)
        values[key] = opened if isinstance(opened, str) else json.dumps(opened)
        if secret:
            secret_keys.append(key)
    return StackConfig(project=name, values=values, secret_keys=secret_keys)


def project_backend(root: Path) -> str | None:
    """Return where ``Pulumi.yaml`` says that the state is; None where it says nothing."""
    backend = _read(root / "Pulumi.yaml").get("backend")
    return str(backend["url"]) if isinstance(backend, dict) and backend.get("url") else None


def _read(path: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StackFileError(f"there is no {path}") from None
    except YAMLError as error:
        raise StackFileError(f"{path} is not YAML: {error}") from None
    if not isinstance(document, dict):
        raise StackFileError(f"{path} holds no mapping")
    return document


def _full(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _open(value: Any) -> tuple[Any, bool]:  # noqa: ANN401 - YAML data
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return "[secret]", True
        opened = {key: _open(item) for key, item in value.items()}
        return {key: item for key, (item, _) in opened.items()}, any(secret for _, secret in opened.values())
    if isinstance(value, list):
        items = [_open(item) for item in value]
        return [item for item, _ in items], any(secret for _, secret in items)
    return value, False
