"""Reads a stack's configuration from its files, as the Pulumi CLI would, without the CLI."""

from startup import on_demand

import difflib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bootstrap.errors import StackFileError
from bootstrap.yamlfile import Document, Flaw, parse, read_text
from conventions import NAMESPACE

if TYPE_CHECKING:
    import settings
    from settings import report, words
else:  # they load the SDK, which takes time that a good file need not spend here
    settings = on_demand("settings")
    report, words = on_demand("settings.report"), on_demand("settings.words")

_TOP_KEYS = ("config", "encryptedkey", "encryptionsalt", "environment", "secretsprovider")
"""Keys of a stack file. https://www.pulumi.com/docs/iac/concepts/projects/stack-settings-file/"""


class StackConfig(NamedTuple):
    """What ``pulumi.Config`` would see."""

    project: str
    values: dict[str, str]
    """Full keys (``aks-bootstrap:cluster``) to text; structured values are JSON, as the CLI hands them over."""
    secret_keys: list[str]
    """Keys that hold an encrypted value anywhere."""
    spelling: dict[tuple[str | int, ...], tuple[Any, str]]
    """Values that are read as something else than is written, and how they are written; paths begin with our keys."""


def stack_names(root: Path) -> list[str]:
    """Return the names of the stacks that have a file, in alphabetical order."""
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in root.glob("Pulumi.*.yaml"))


def read_stack(root: Path, stack: str) -> StackConfig:
    """Read ``Pulumi.yaml`` and ``Pulumi.<stack>.yaml``.

    Encrypted values stay closed: each is replaced by the word ``[secret]``.

    Raises:
        StackFileError: a file is missing or is not what Pulumi takes; the text lists every mistake, and where something
            could be read, what is wrong with that.
    """
    # https://www.pulumi.com/docs/iac/concepts/stacks/#create-stack
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}", stack):
        shown = stack if len(stack) <= 40 else f"{stack[:40]}... ({len(stack)} characters)"
        raise StackFileError(f"got the stack {shown!r}; allowed: 1-100 letters, digits, hyphens, underscores and dots")
    project = _read_project(root / "Pulumi.yaml")
    name = str(project.get("name") or "")
    path = root / f"Pulumi.{stack}.yaml"
    if not path.exists():
        raise StackFileError(f"there is no {path.name} in {root}; stacks: {', '.join(stack_names(root)) or 'none'}")
    document = parse(read_text(path))
    given, flaws = _config_of(document, path)
    flaws = [*document.flaws, *flaws]

    raw: dict[str, Any] = {}
    for key, declared in (project.get("config") or {}).items():
        if isinstance(declared, dict) and "default" in declared:
            raw[_full(key, name)] = declared["default"]
    raw |= {_full(key, name): value for key, value in given.items()}

    values: dict[str, str] = {}
    secret_keys: list[str] = []
    for key, value in raw.items():
        opened, secret = _open(value)
        values[key] = _handed_over(opened)
        if secret:
            secret_keys.append(key)
    spelling = {
        (_full(str(place[1]), name).removeprefix(f"{NAMESPACE}:"), *place[2:]): spelled
        for place, spelled in document.spelling.items()
        if len(place) > 1 and place[0] == "config"
    }
    config = StackConfig(project=name, values=values, secret_keys=secret_keys, spelling=spelling)
    if flaws or (name == NAMESPACE and _wants_a_look(config, stack)):
        _refuse(path, flaws, document, config)
    return config


def _read_project(path: Path) -> dict[str, Any]:
    document = parse(read_text(path))
    if document.flaws:
        lines = "; ".join(f"line {flaw.line}: {flaw.message}" for flaw in document.flaws)
        raise StackFileError(f"{path} is not YAML: {lines}")
    if not isinstance(document.data, dict):
        raise StackFileError(f"{path} holds no mapping; allowed: keys and values, such as name: {NAMESPACE}")
    if not isinstance(document.data.get("config") or {}, dict):
        raise StackFileError(f"{path}: config is not a mapping; allowed: keys and values")
    return document.data


def _handed_over(value: object) -> str:
    """Spell a value as the CLI does: nothing is an empty text, structured data is JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _full(key: str, project: str) -> str:
    return key if ":" in key else f"{project}:{key}"


def _open(value: Any) -> tuple[Any, bool]:
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return "[secret]", True
        opened = {key: _open(item) for key, item in value.items()}
        return {key: item for key, (item, _) in opened.items()}, any(secret for _, secret in opened.values())
    if isinstance(value, list):
        items = [_open(item) for item in value]
        return [item for item, _ in items], any(secret for _, secret in items)
    return value, False


def _config_of(document: Document, path: Path) -> tuple[dict[str, Any], list[Flaw]]:
    """Return what stands below ``config``, or was meant to, and what is wrong at the top of the file."""
    data = document.data
    if data is None:
        empty = Flaw(1, (), "the file is empty; allowed: config: with the stack's keys below it")
        return {}, [] if document.flaws else [empty]
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "one value"
        return {}, [Flaw(1, (), f"the file holds no mapping but {kind}; allowed: config: with the stack's keys below")]
    given: dict[str, Any] = {}
    flaws = []
    for key, value in data.items():
        near = difflib.get_close_matches(key.lower(), _TOP_KEYS, n=1)
        if key == "config":
            if isinstance(value, dict):
                given |= value
            elif value is not None:
                message = "is no mapping; allowed: keys and values, each indented below config:"
                flaws.append(Flaw(_line_of(key, path), (key,), message))
        elif key.startswith(f"{NAMESPACE}:"):
            given[key] = value
            message = "stands outside config, where nobody reads it; allowed: indented below config:"
            flaws.append(Flaw(_line_of(key, path), (key,), message))
        elif key not in _TOP_KEYS:
            hint = f"did you mean {near[0]!r}? " if near else ""
            flaws.append(
                Flaw(_line_of(key, path), (key,), f"unknown key of a stack file; {hint}allowed: {', '.join(_TOP_KEYS)}")
            )
            if near == ["config"] and isinstance(value, dict):
                given |= value
    return given, flaws


def _line_of(key: str, path: Path) -> int:
    lines = read_text(path).split("\n")
    return next((number for number, line in enumerate(lines, 1) if re.match(rf"['\"]?{re.escape(key)}", line)), 1)


def _wants_a_look(config: StackConfig, stack: str) -> bool:
    """Tell whether there is something that only shows beside the file's name and the keys of others."""
    foreign = {key.partition(":")[0] for key in config.values} - {NAMESPACE, "pulumi", "azure-native", "kubernetes"}
    secret = any(key.startswith(f"{NAMESPACE}:") for key in config.secret_keys)
    return bool(foreign) or secret or config.values.get(f"{NAMESPACE}:environment") != stack


def _refuse(path: Path, flaws: list[Flaw], document: Document, config: StackConfig) -> None:
    """Raise the file's mistakes, and those in what could be read of it; return where there is none."""
    broken = [_ours(place) for place in [*document.broken, *(flaw.place for flaw in flaws)] if place[:1] == ("config",)]
    lost = [(_ours(("config", section))[0], key) for section, key in document.lost]
    mistakes = []
    for flaw in sorted(flaws):
        where = report.format_path(_ours(flaw.place)) if flaw.place[:1] == ("config",) and len(flaw.place) > 1 else ""
        where = where or words.redact(".".join(str(part) for part in flaw.place))
        mistakes.append(
            f"{where} (line {flaw.line}): {words.redact(flaw.message)}"
            if where
            else f"line {flaw.line}: {words.redact(flaw.message)}"
        )
    if document.data and config.project == NAMESPACE:
        try:
            settings.read(
                config.values,
                stack=path.name.split(".", 1)[1].removesuffix(".yaml"),
                secret=config.secret_keys,
                spelling=config.spelling,
                unread=[str(place[0]) for place in broken if len(place) == 1],
                folder=path.parent,
            )
        except report.SettingsError as error:
            mistakes += [
                f"{report.format_path(problem.path)}: {problem.message}"
                for problem in error.problems
                if not any(place and problem.path[: len(place)] == place for place in broken)
                and not any(problem.path[0] == section and key in problem.path for section, key in lost)
            ]
    if mistakes:
        lines = "\n".join(f"  {line}" for line in mistakes)
        raise StackFileError(f"{path} has {report.counted(mistakes)}; nothing was changed:\n{lines}")


def _ours(place: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Return a place below ``config`` as a path that begins with our key."""
    return (str(place[1]).removeprefix(f"{NAMESPACE}:"), *place[2:]) if len(place) > 1 else ()
