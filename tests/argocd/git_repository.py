"""A Git repository in a folder, which a repo-server reads as file://."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IDENTITY = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, kw_only=True)
class GitRepository:
    """Branches of files; every change is a commit."""

    folder: Path

    @property
    def url(self) -> str:
        """What an Application calls it."""
        return f"file://{self.folder}"

    def commit(self, branch: str, files: Mapping[str, str | None]) -> None:
        """Commit texts by path; None deletes a file. A new branch begins empty."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / ".git").is_dir():
            self._git("init", "--quiet", "--initial-branch", branch)
        elif self._git("branch", "--list", branch):
            self._git("switch", "--quiet", branch)
        else:
            self._git("switch", "--quiet", "--orphan", branch)
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", "change")

    def _git(self, *arguments: str) -> str:
        command = ["git", *_IDENTITY, *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()
