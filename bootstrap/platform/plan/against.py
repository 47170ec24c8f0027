"""Evaluates the program as it stood at another Git revision."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

from bootstrap.errors import RevisionError
from bootstrap.platform.plan.registration import Evaluation
from bootstrap.revision import unpack

_RUN = """
import os
import sys
recorder, tree, stack = sys.argv[1:]
sys.path.insert(0, recorder)
from bootstrap.platform.plan import evaluate
# what the recorder uses of this program must not stand in for the other one's
for name in list(sys.modules):
    top = os.path.join(recorder, name.partition(".")[0])
    if not name.startswith("bootstrap") and (os.path.isdir(top) or os.path.isfile(f"{top}.py")):
        del sys.modules[name]
sys.path[0] = tree
raise SystemExit(evaluate.main([tree, stack]))
"""


class Pending:
    """An evaluation that is under way, in a process of its own, beside the present one.

    Raises:
        RevisionError: Git does not know the revision.
    """

    def __init__(self, root: Path, revision: str, stack: str) -> None:
        """Begin it; a stack that the revision does not have yet has nothing to evaluate."""
        self._revision, self._stack = revision, stack
        self._process: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] = unpack(root, revision)
        tree = Path(self._folder.name)
        if (tree / f"Pulumi.{stack}.yaml").exists():
            self._process = subprocess.Popen(
                # this revision's recorder runs the other revision's program
                [sys.executable, "-c", _RUN, str(Path(__file__).resolve().parents[3]), str(tree), stack],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                cwd=tree,
            )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process, if it is still there, and remove the folder that it works in."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._folder.cleanup()

    def result(self) -> Evaluation:
        """Wait for it.

        Raises:
            RevisionError: that revision's program fails; the text is the program's own.
        """
        if self._process is None:
            return Evaluation(stack=self._stack, project="", registrations=[], outputs={})
        out, err = self._process.communicate()
        if self._process.returncode:
            text = err.strip().splitlines()
            raise RevisionError(f"the program at {self._revision} cannot be evaluated:\n" + "\n".join(text[-20:]))
        return Evaluation.from_json(json.loads(out))
