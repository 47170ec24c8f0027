"""Tries every mutant of the pure modules, and some of ``components/`` that a seed chooses, against the fast tests."""

import argparse
import ast
import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import resource
import secrets
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from ruamel.yaml import YAML

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
ACCEPTED = Path(__file__).with_name("accepted.yaml")
ENOUGH = 0.85
"""Share of the mutants that tests have to kill."""
_CPU_SECONDS = 900
"""How long the tests of one mutant may compute, however busy the machine is; an endless loop is killed by that."""
_SECONDS = 3600
"""How long they may take; one that waits for ever is killed by that."""

_SETTINGS = (
    "tests/unit/test_settings_rules.py",
    "tests/unit/test_settings_invalid.py",
    "tests/unit/test_stack_files.py",
)
PURE = {
    "settings/rules.py": _SETTINGS,
    "settings/production.py": _SETTINGS,
    "components/release/helm_record.py": ("tests/unit/test_helm_record.py",),
    "bootstrap/platform/plan/compare.py": ("tests/unit/test_plan_compare.py",),
    "bootstrap/delivery/promote/scalar.py": ("tests/unit/test_scalar.py",),
}
"""Modules of which every mutant is tried, with their tests."""

_SLOW = {"test_plan_command.py", "test_real_charts.py"}
"""Component tests that start processes, which would not run the mutant."""


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test saw."""

    mutant: Mutant
    why: str | None
    """Why that is accepted; None where it is not."""


def tests_of(file: str) -> list[str]:
    """Return the tests that could see a mistake in a module: nearest first, as the first failure ends a run."""
    if file in PURE:
        return list(PURE[file])
    module = file.removesuffix(".py").replace("/", ".")
    unit = [path for path in sorted((ROOT / "tests/unit").glob("test_*.py")) if module in set(_imports(path))]
    component = [path for path in sorted((ROOT / "tests/component").glob("test_*.py")) if path.name not in _SLOW]
    first = "test_azure.py" if file.startswith("components/azure") else "test_cluster_side.py"
    component.sort(key=lambda path: path.name != first)
    return [str(path.relative_to(ROOT)) for path in (*unit, *component)]


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def preload(tests: Sequence[str]) -> None:
    """Import what tests need and no mutant changes, so that every run is a fork that has it already."""
    gc.disable()
    todo, seen = [ROOT / "__main__.py", *(ROOT / test for test in tests)], set[Path]()
    todo += [ROOT / "tests/component/conftest.py"] if any("component" in test for test in tests) else []
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in _imports(path):
            if ours := _file_of(name):
                todo.append(ours)
            elif not _file_of(name.rpartition(".")[0]):
                _load(name)
    loaded = [name for name in sys.modules if _file_of(name) and not name.startswith(("tests", "__main__"))]
    assert not loaded, f"{loaded} would not be mutated"
    gc.freeze()


def _file_of(name: str) -> Path | None:
    """Return the file of a module of the project; None where it is none."""
    place = ROOT.joinpath(*name.split("."))
    return next((p for p in (place.with_suffix(".py"), place / "__init__.py") if name and p.exists()), None)


def _load(name: str) -> None:
    """Import a module, or what one holds, such as a module that its package imports on demand."""
    module, _, attribute = name.rpartition(".")
    with contextlib.suppress(ImportError, AttributeError):
        getattr(importlib.import_module(module), attribute) if module else importlib.import_module(attribute)


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module as the mutant has it."""

    def __init__(self, mutant: Mutant) -> None:
        self._name, self._mutant = mutant.file.removesuffix(".py").replace("/", "."), mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(ROOT / self._mutant.file))

    def exec_module(self, module: ModuleType) -> None:
        file = str(ROOT / self._mutant.file)
        module.__file__ = file
        exec(compile(self._mutant.code, file, "exec"), module.__dict__)  # noqa: S102 - our own module


def _run(mutant: Mutant | None, tests: list[str]) -> int:
    """Run tests in this process, which ends with them; return pytest's exit status."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    sys.dont_write_bytecode = True
    if mutant is not None:
        sys.meta_path.insert(0, _Mutated(mutant))
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
    from hypothesis import configuration  # noqa: PLC0415 - loaded already, in the parent

    with tempfile.TemporaryDirectory() as folder:
        configuration.set_hypothesis_home_dir(folder)
        # the libraries are there already
        quiet = ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
        options = [
            *quiet,
            "-x",
            "-q",
            "-p",
            "no:cacheprovider",
            "--no-header",
            "--tb=short",
            f"--basetemp={folder}/pytest",
        ]
        return int(pytest.main([*options, *tests]))


def fork(mutant: Mutant | None, tests: list[str]) -> int:
    """Begin a run in a process of its own."""
    if child := os.fork():
        return child
    status = 70
    try:
        status = _run(mutant, tests)
    except BaseException:  # whatever ends the tests, the mutant did it
        status = 71
        if mutant is None:
            traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def survivors_of(chosen: list[Mutant], processes: int, say: Callable[[str], None]) -> list[Mutant]:
    """Try mutants, several at a time; return those that all tests passed with."""
    waiting, running, found, done = list(chosen), dict[int, tuple[Mutant, float]](), list[Mutant](), 0
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                mutant = waiting.pop()
                running[fork(mutant, tests_of(mutant.file))] = (mutant, time.monotonic() + _SECONDS)
            child, status = os.waitpid(-1, os.WNOHANG)
            if child:
                mutant, _ = running.pop(child)
                done += 1
                if os.waitstatus_to_exitcode(status) == pytest.ExitCode.OK:
                    found.append(mutant)
                    say(f"survived ({done} of {len(chosen)} tried): {mutant}")
                elif done % 25 == 0:
                    say(f"{done} of {len(chosen)} tried, {len(found)} survived")
            else:
                time.sleep(0.02)
            _stop(pid for pid, (_, deadline) in running.items() if time.monotonic() > deadline)
    finally:
        _stop(running)
    return found


def _stop(pids: Iterable[int]) -> None:
    """End runs with all that they started: each leads a session of its own."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def accepted() -> dict[tuple[str, str, str], str]:
    """Return the reasons for survivors that somebody has looked at."""
    entries = YAML(typ="safe").load(ACCEPTED) or []
    return {(entry["file"], entry["before"], entry["after"]): entry["why"] for entry in entries}


def chosen_of(files: Sequence[str], most: int | None, seed: int) -> list[Mutant]:
    """Return all mutants of some modules, or as many as a number, chosen by a seed."""
    makers = [make for file in files for make in mutants(ROOT, file)]
    if most is not None and most < len(makers):
        makers = random.Random(seed).sample(makers, most)  # noqa: S311 - a choice, not a secret
    made = [make() for make in makers]
    return [mutant for mutant in made if mutant.before != mutant.after]


def components() -> list[str]:
    """Return the modules of ``components/`` that are not tried completely."""
    files = (str(path.relative_to(ROOT)) for path in sorted((ROOT / "components").rglob("*.py")))
    return [file for file in files if file not in PURE]


def report(name: str, tried: list[Mutant], survived: list[Mutant], say: Callable[[str], None]) -> tuple[int, int]:
    """Print what became of some mutants; return how many were tried and not killed, accepted ones left out."""
    reasons = accepted()
    left = [s for s in survived if (s.file, s.before, s.after) not in reasons]
    killed = len(tried) - len(survived)
    note = f", {len(survived) - len(left)} survived with a reason" if len(left) < len(survived) else ""
    say(f"{name}: {killed} of {len(tried)} killed{note}, {len(left)} to be looked at")
    return len(tried) - (len(survived) - len(left)), len(left)


def main(arguments: Sequence[str]) -> int:
    """Run, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="chooses the mutants of components/")
    parser.add_argument("--components", type=int, default=300, help="how many of components/ are tried")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--skip-pure", action="store_true", help="try those of components/ alone")
    parser.add_argument("--only", action="append", help="a module, of which every mutant is tried; may be repeated")
    given = parser.parse_args(arguments)

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    files = [] if given.skip_pure else given.only or list(PURE)
    parts = [(file, chosen_of([file], None, given.seed)) for file in files]
    if not given.only and given.components:
        parts.append((f"components/ (seed {given.seed})", chosen_of(components(), given.components, given.seed)))
    say(f"seed {given.seed}; {sum(len(tried) for _, tried in parts)} mutants")
    tests = sorted({test for _, tried in parts for mutant in tried for test in tests_of(mutant.file)})
    preload(tests)
    _, status = os.waitpid(fork(None, tests), 0)
    if os.waitstatus_to_exitcode(status) != pytest.ExitCode.OK:
        say("the tests fail without any mutant: nothing was tried")
        return 1
    results = []
    for name, tried in parts:
        survived = survivors_of(tried, given.processes, say)
        results.append((name, tried, survived))
    say("")
    totals = [report(name, tried, survived, say) for name, tried, survived in results]
    counted, left = (sum(column) for column in zip(*totals, strict=True))
    share = 1 - left / counted if counted else 1.0
    say(f"killed: {share:.1%} of {counted} (at least {ENOUGH:.0%})")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
