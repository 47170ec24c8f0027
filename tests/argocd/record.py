"""Writes what real Argo CD makes of the cases into recorded.yaml: ``python -m tests.argocd.record``."""

import tempfile
from functools import cache
from pathlib import Path

from ruamel.yaml import YAML

from tests.argocd.argo_cd import argo_cd
from tests.argocd.outcome import Outcome
from tests.argocd.renderer import Renderer
from tests.argocd.sources import applications

FILE = Path(__file__).parent / "recorded.yaml"


@cache
def recorded() -> dict[str, Outcome]:
    """Return the recorded outcomes by the cases' names."""
    read = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    return {name: Outcome(**outcome) for name, outcome in read.items()}


def record(folder: Path) -> None:
    """Run every case through real Argo CD, and write what comes out."""
    with argo_cd(folder) as started:
        renderer = Renderer.start(started)
        made = applications(folder / "sources")
        for application in made.values():
            renderer.create(application)
        found = {name: renderer.outcome(application).to_record() for name, application in made.items()}
        version = started.get("version")["Version"]
    yaml = YAML(typ="safe", pure=True)
    yaml.width = 120
    with FILE.open("w", encoding="utf-8") as file:
        file.write(f"# What Argo CD {version} makes of the cases: python -m tests.argocd.record\n")
        yaml.dump(found, file)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-argocd-") as temporary:
        record(Path(temporary))
