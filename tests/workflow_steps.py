"""A step of a workflow's file, run on this machine as GitHub's runner would."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

WORKFLOWS = Path(__file__).resolve().parents[1] / ".github/workflows"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a step runs."""

    script: str
    environment: Mapping[str, str]
    """Of the step alone; expressions are as they are in the file."""
    shell: tuple[str, ...]
    """https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell."""

    def command(self, folder: Path) -> list[str]:
        """Write the script into a folder, and return the command that runs it."""
        file = folder / "step.sh"
        file.write_text(self.script)
        return [*self.shell, str(file)]


def step(workflow: str, job: str, name: str) -> Step:
    """Return a step by its name, of the file as it is.

    Raises:
        LookupError: there is none, or there are several.
    """
    document: dict[str, Any] = YAML(typ="safe").load(WORKFLOWS / f"{workflow}.yml")
    found = [each for each in document["jobs"][job]["steps"] if each.get("name") == name]
    if len(found) != 1:
        raise LookupError(f"{len(found)} steps {name!r} in {job} of {workflow}")
    said = document.get("defaults", {}).get("run", {}).get("shell")
    shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail") if said == "bash" else ("bash", "-e")
    return Step(script=str(found[0]["run"]), environment=found[0].get("env") or {}, shell=shell)
