"""The small sources of ``cases/``, each written as a Git repository of its own, and the Application that names it."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from conventions import IN_CLUSTER
from tests.argocd.argo_cd import API_VERSION
from tests.argocd.git_repository import GitRepository

NAMESPACE = "apps"

_CASES = Path(__file__).parent / "cases"
_CHART = "{apiVersion: v2, name: web, version: 1.0.0}\n"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A source, by what is particular about it."""

    name: str
    source: dict[str, Any] = field(default_factory=dict)
    """What the Application says besides the repository; the path is ``chart`` where it says none."""
    files: dict[str, str] = field(default_factory=dict)
    """Text by path; ``chart/`` has a Chart.yaml where none is given."""
    latin1: dict[str, str] = field(default_factory=dict)
    """Text that is not written as UTF-8."""
    links: dict[str, str] = field(default_factory=dict)
    """Targets of symbolic links."""
    sync: bool = False
    """Whether Argo CD is asked to apply it, too: then its objects' names are those of no other case."""
    differs: list[str] = field(default_factory=list)
    """How ``bootstrap`` differs from Argo CD today; empty where it does not."""
    because: str = ""
    """Why it differs."""

    def write(self, folder: Path) -> None:
        """Write the source into an empty folder."""
        texts = {name: text.encode() for name, text in {"chart/Chart.yaml": _CHART, **self.files}.items()}
        for name, content in {**texts, **{name: text.encode("latin-1") for name, text in self.latin1.items()}}.items():
            _make_way(folder / name).write_bytes(content)
        for name, target in self.links.items():
            _make_way(folder / name).symlink_to(target)

    def application(self, repository: GitRepository) -> dict[str, Any]:
        """Return the Application whose source is the case's."""
        source = {"repoURL": repository.url, "targetRevision": "main", "path": "chart", **self.source}
        operation = {"sync": {"revision": "main"}}
        return {
            **({"operation": operation} if self.sync else {}),
            "apiVersion": API_VERSION,
            "kind": "Application",
            "metadata": {"name": self.name},
            "spec": {
                "project": "default",
                "source": source,
                "destination": {"server": IN_CLUSTER, "namespace": NAMESPACE},
            },
        }


def _make_way(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def applications(folder: Path) -> dict[str, dict[str, Any]]:
    """Write every case as a Git repository below a folder, and return their Applications by the cases' names."""
    found = {}
    for case in all_cases():
        repository = GitRepository(folder=folder / case.name)
        case.write(repository.folder)
        repository.commit("main", {})
        found[case.name] = case.application(repository)
    return found


@cache
def all_cases() -> tuple[Case, ...]:
    """Return the cases of all files."""
    yaml = YAML(typ="safe")
    read = [yaml.load(file.read_text(encoding="utf-8")) for file in sorted(_CASES.glob("*.yaml"))]
    return tuple(Case(name=name, **(given or {})) for cases in read for name, given in cases.items())
