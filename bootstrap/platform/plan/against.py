"""Evaluates the program as it stood at another Git revision."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bootstrap.errors import RevisionError
from bootstrap.platform.plan.registration import Evaluation
from bootstrap.revision import unpack


def start(root: Path, revision: str, stack: str) -> "Pending":
    """Begin the evaluation in a process of its own, beside the present one.

    Raises:
        RevisionError: Git does not know the revision.
    """
    folder = unpack(root, revision)
    tree = Path(folder.name)
    recorder = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(  # noqa: S603 - our own module
        # this revision's recorder runs the other revision's program
        [sys.executable, "-c", _RUN, str(recorder), str(tree), stack],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tree,
    )
    return Pending(process, folder, revision)


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
    """An evaluation that is under way."""

    def __init__(
        self, process: "subprocess.Popen[str]", folder: "tempfile.TemporaryDirectory[str]", revision: str
    ) -> None:
        """Keep the process and the folder that it works in."""
        self._process, self._folder, self._revision = process, folder, revision

    def result(self) -> Evaluation:
        """Wait for it.

        Raises:
            RevisionError: that revision's program fails; the text is the program's own.
        """
        out, err = self._process.communicate()
        self._folder.cleanup()
        if self._process.returncode:
            text = err.strip().splitlines()
            raise RevisionError(f"the program at {self._revision} cannot be evaluated:\n" + "\n".join(text[-20:]))
        return Evaluation.from_json(json.loads(out))
