"""Objects of applications, in files by theme, each with what the cluster says to it."""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from settings.merge import merge
from tests.api_objects import change

FOLDER = Path(__file__).resolve().parent / "cases"
SHARED = ("bases", "namespaces")
THEMES = sorted(file.stem for file in FOLDER.glob("*.yaml") if file.stem not in SHARED)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An object, and the words of the refusal; none where it is admitted."""

    name: str
    base: str
    """An object of ``bases.yaml``."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """What is laid over it."""
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Values by their paths."""
    namespace: str = "shop"
    """One of ``namespaces.yaml``."""
    user: str = ""
    """Who sends it; an administrator where none is named."""
    refused: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Case":
        """Read an entry of a file."""
        assert entry.keys() <= {"name", "base", "with", "set", "in", "as", "refused"}, entry
        return cls(
            name=entry["name"],
            base=entry["base"],
            given=entry.get("with", {}),
            changes=entry.get("set", {}),
            namespace=entry.get("in", "shop"),
            user=entry.get("as", ""),
            refused=tuple(entry.get("refused", ())),
        )

    def document(self, namespace: str) -> dict[str, Any]:
        """Return the object, as it stands in a namespace."""
        document = copy.deepcopy(merge({"metadata": {"name": "shop"}, **shared("bases")[self.base]}, dict(self.given)))
        for path, value in self.changes.items():
            change(document, path, value)
        found: dict[str, Any] = json.loads(json.dumps(document).replace("{namespace}", namespace))
        return found


@cache
def shared(name: str) -> dict[str, Any]:
    """Return one of the files that all themes use."""
    return dict(YAML(typ="safe").load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


@cache
def of_theme(theme: str) -> list[Case]:
    """Return a theme's cases."""
    found = YAML(typ="safe").load((FOLDER / f"{theme}.yaml").read_text(encoding="utf-8"))
    return [Case.of(entry) for entry in found]


def every() -> list[Case]:
    """Return the cases of all themes."""
    return [case for theme in THEMES for case in of_theme(theme)]
