"""A clone of the project, and its command line, run as a user would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A copy of the project with a kubeconfig, and no other configuration."""

    folder: Path
    environment: Mapping[str, str]

    @classmethod
    def create(cls, folder: Path, kubeconfig: Path) -> "Clone":
        """Copy the project into a folder that does not exist."""
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        shutil.copy(ROOT / ".gitignore", folder)
        (folder / ".venv").symlink_to(Path(sys.prefix))
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
            "PULUMI_HOME": str(folder.parent / "home"),
            "KUBECONFIG": str(kubeconfig),
        }
        return cls(folder=folder, environment=environment)

    @property
    def stack_file(self) -> Path:
        return self.folder / "Pulumi.local.yaml"

    def configure(self, section: str, **values: Any) -> None:
        """Set keys of a section of the local stack."""
        yaml = YAML()
        stack = yaml.load(self.stack_file)
        stack["config"].setdefault(f"aks-bootstrap:{section}", {}).update(values)
        yaml.dump(stack, self.stack_file)

    def command(self, *arguments: str) -> list[str]:
        code = f"import sys; sys.path.insert(0, {str(self.folder)!r}); from bootstrap.cli import main; main()"
        return [sys.executable, "-c", code, *arguments]

    def bootstrap(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run ``bootstrap`` in the clone, and wait for it."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start ``bootstrap`` in a session of its own, for ``Project.kill``."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            text=True,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
