"""A repository in a temporary folder that has a clone's objects and configuration, so that the clone is only read.

What is fetched, and the commit that is made, are in the temporary folder and go with it: no ref, lock, shallow boundary
or setting of the clone is written, and a lock that somebody left there does not matter. The clone's objects are
alternates (https://git-scm.com/docs/gitrepository-layout); its configuration, includes and all, is handed on by
environment variables (https://git-scm.com/docs/git-config#ENVIRONMENT), so that no credential in it gets onto a disk.
"""

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from bootstrap.delivery.promote.command import Git
from bootstrap.errors import GitError
from bootstrap.revision import environment

_FOLDERS = "aks-bootstrap-promote-"
_FORGOTTEN_SECONDS = 3600
"""How old a folder has to be to count as that of a run that was killed: one that just starts has not locked it yet."""

_NOT_HANDED_ON = re.compile(
    # how the clone itself is kept, and its hooks, which are about its checkout
    r"core\.(bare|worktree|repositoryformatversion|hookspath|alternaterefscommand)|extensions\..*|include(if)?\..*"
    # one commit is pushed to one branch, whatever a mirror would push
    r"|remote\..*\.mirror",
    re.IGNORECASE | re.DOTALL,
)
_SETTINGS = [("core.hooksPath", "/dev/null"), ("maintenance.auto", "false"), ("gc.auto", "0")]


class Workspace:
    """The temporary repository."""

    def __init__(self, clone: Path) -> None:
        """Make it.

        Args:
            clone: a folder in the clone.

        Raises:
            GitError: the folder is in no clone, or Git is not there.
        """
        # messages are read; C also makes Git's regular expressions those of bytes
        plain = environment() | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        self.clone = Git(clone, plain)
        asked = ("--show-prefix", "--is-shallow-repository", "--show-object-format", "--git-path", "objects")
        prefix, shallow, self._format, objects = self.clone.run("rev-parse", *asked).splitlines()
        self.prefix, self.shallow = PurePosixPath(prefix), shallow == "true"
        self._objects = (clone / objects).resolve()
        _remove_forgotten()
        self._folder = Path(tempfile.mkdtemp(prefix=_FOLDERS))
        self._lock = (self._folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Git works from the top of a checkout: a remote's relative path starts there
        self._top = clone.resolve().joinpath(*[".."] * len(self.prefix.parts)).resolve()
        self._plain = plain
        try:
            self.git = self.new_repository("git")
            if not self.shallow:
                self.add_objects(self._objects)
        except BaseException:
            self.close()
            raise

    def new_repository(self, name: str) -> Git:
        """Make an empty repository in the folder, with the clone's configuration."""
        folder = self._folder / name
        made = Git(self._top, self._plain | {"GIT_DIR": str(folder)})
        made.run("init", "--quiet", "--bare", "--template=", f"--object-format={self._format}")
        made.environment = {
            key: text
            for key, text in made.environment.items()
            # the listing of the configuration has them already
            if not re.fullmatch(r"GIT_CONFIG_(COUNT|PARAMETERS|KEY_\d+|VALUE_\d+)", key)
        } | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        # of a shallow clone's refs only the tips are there: offered as what we have, history would be left out
        quiet = [("core.alternateRefsCommand", "true")] if self.shallow else []
        entries = [*self._configuration(), *_SETTINGS, *quiet]
        made.environment["GIT_CONFIG_COUNT"] = str(len(entries))
        for number, (key, text) in enumerate(entries):
            made.environment |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": text}
        return made

    def add_objects(self, folder: Path | None = None) -> None:
        """Let the repository read the objects of a folder too; the clone's when None."""
        alternates = self._folder / "git" / "objects" / "info" / "alternates"
        alternates.parent.mkdir(parents=True, exist_ok=True)
        with alternates.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(_quoted(folder or self._objects) + "\n")

    def objects_of(self, name: str) -> Path:
        """Return where a repository of this folder keeps its objects."""
        return self._folder / name / "objects"

    def close(self) -> None:
        """Remove the folder, with everything that was fetched."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._lock.close()

    def _configuration(self) -> Iterator[tuple[str, str]]:
        for entry in self.clone.run("config", "--list", "--includes", "-z").split("\0")[:-1]:
            key, line, text = entry.partition("\n")
            if not _NOT_HANDED_ON.fullmatch(key):
                # a key without = is true
                yield key, text if line else "true"


def _quoted(path: Path) -> str:
    text = str(path)
    if "\n" in text:
        raise GitError(f"the clone's folder has a line feed in its name: {text!r}")
    # a leading quote would be read as the start of a quoted path
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' if text.startswith('"') else text


def _remove_forgotten() -> None:
    """Remove the folders of runs that were killed; a run that goes on holds the lock of its own."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDERS}*"):
        try:
            about = folder.lstat()
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < _FORGOTTEN_SECONDS or folder.is_symlink():
                continue
            with (folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            # somebody else's, in use, or gone by now
            continue
