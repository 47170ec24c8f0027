"""Tries every mutant of the pure modules, and some of ``components/`` that a seed chooses, against the fast tests."""

import argparse
import ast
import contextlib
import functools
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import os
import random
import re
import resource
import secrets
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from tests.mutation.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
ACCEPTED = Path(__file__).with_name("accepted.yaml")
ENOUGH = 0.85
"""Share of the mutants that tests have to kill."""
_CPU_SECONDS = 900
"""How long the tests of one mutant may compute, however busy the machine is; an endless loop is killed by that."""
_TIMES = 5
"""How many times longer they may take than they do without a mutant; one that waits for ever is killed by that."""

_LIKELY = 30
"""How many tests are tried before all."""
_PROVEN = 10
"""How many of these are those that saw most mutants so far."""
_PARAMETERS = 2
"""With how many sets of parameters a test is among the rest of these."""

_SETTINGS = (
    "tests/unit/test_settings_rules.py",
    "tests/unit/test_settings_invalid.py",
    "tests/unit/test_stack_files.py",
)
PURE = {
    "settings/rules.py": _SETTINGS,
    "settings/production.py": _SETTINGS,
    "settings/production_charts.py": ("tests/unit/test_production_charts.py",),
    "settings/azure_facts.py": (*_SETTINGS, "tests/unit/test_names_and_sizes.py"),
    "components/release/helm_record.py": ("tests/unit/test_helm_record.py",),
    "bootstrap/platform/plan/compare.py": ("tests/unit/test_plan_compare.py",),
    "bootstrap/delivery/promote/scalar.py": ("tests/unit/test_scalar.py",),
    "bootstrap/delivery/promote/yaml_path.py": ("tests/unit/test_scalar.py",),
}
"""Modules of which every mutant is tried, with their tests."""

_SLOW = {"test_plan_command.py", "test_real_charts.py", "test_start_up.py"}
"""Component tests that start processes, which would not run the mutant."""


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test saw."""

    mutant: Mutant
    why: str | None
    """Why that is accepted; None where it is not."""


@dataclass
class Order:
    """In which order the tests run, as the first failure ends a run."""

    seconds: dict[str, float] = field(default_factory=dict)
    """How long each takes without a mutant."""
    seen: Counter[str] = field(default_factory=Counter)
    """How many mutants each was the first to see."""
    seen_in: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many of each module."""

    def learn(self, mutant: Mutant, test: str) -> None:
        """Take down which test saw a mutant first."""
        self.seen[test] += 1
        self.seen_in[mutant.file, test] += 1

    def likely(self, mutant: Mutant) -> list[str]:
        """Return the tests that most probably see a mutant: to collect all of them takes longer."""
        files = set(tests_of(mutant.file))
        known = [test for test in self.seconds if test.partition("::")[0] in files]
        proven = [test for test, _ in self.seen.most_common() if test in known][:_PROVEN]
        near, of_function = list[str](), Counter[str]()
        for test in sorted(known, key=self.rank(mutant)):
            of_function[test.partition("[")[0]] += 1
            # what one set of parameters does not see, another seldom does
            if of_function[test.partition("[")[0]] <= _PARAMETERS:
                near.append(test)
        return list(dict.fromkeys([*proven, *near]))[:_LIKELY]

    def rank(self, mutant: Mutant) -> Callable[[str], tuple[float, ...]]:
        """Return what sorts tests by how soon they see a mutant: by the words that they share, and their time."""
        about = words_about(mutant)

        def rank(test: str) -> tuple[float, ...]:
            shared = sum(weight for word, weight in about.items() if word in words_of_test(test))
            return -self.seen_in[mutant.file, test], -(1 + shared) / (0.05 + self.seconds.get(test, 0))

        return rank


def words_about(mutant: Mutant) -> dict[str, float]:
    """Return the words of a mutant and of the lines around it, each with its weight: a rare word weighs more."""
    lines = (ROOT / mutant.file).read_text(encoding="utf-8").splitlines()
    around = words("\n".join([Path(mutant.file).stem, *lines[max(0, mutant.line - 4) : mutant.line + 3]]))
    own, rare = words(mutant.before + mutant.after), rarity()
    return {word: rare.get(word, 0) * (2 if word in own else 1) for word in around | own}


def words(text: str) -> set[str]:
    """Return the words of names and texts: ``minTlsVersion`` and ``min_tls_version`` have the same."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}|\d{2,}", text)}


@functools.cache
def words_of_test(test: str) -> set[str]:
    """Return the words of a test and of its parameters."""
    name, _, parameters = test.partition("[")
    return sources().get(name, set()) | words(parameters)


@functools.cache
def sources() -> dict[str, set[str]]:
    """Return the words of every test function."""
    found = {}
    for path in sorted((ROOT / "tests").glob("*/test_*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        top = ast.parse(text).body
        for prefix, body in [("", top), *((f"{n.name}::", n.body) for n in top if isinstance(n, ast.ClassDef))]:
            for node in body:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                    own = "\n".join([path.stem, *lines[first - 1 : node.end_lineno]])
                    found[f"{path.relative_to(ROOT)}::{prefix}{node.name}"] = words(own)
    return found


@functools.cache
def rarity() -> dict[str, float]:
    """Return the weight of each word that tests have: the fewer have it, the more."""
    counts = Counter(word for own in sources().values() for word in own)
    return {word: math.log(len(sources()) / count) for word, count in counts.items()}


class _Watched:
    """Orders the tests of one run, and writes down how long each took, and which one failed."""

    def __init__(self, order: Order, mutant: Mutant | None, told: Path) -> None:
        self._order, self._mutant, self._told = order, mutant, told
        self._seconds, self._failed = defaultdict[str, float](float), ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._mutant:
            rank = self._order.rank(self._mutant)
            items.sort(key=lambda item: rank(item.nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if report.failed:
            self._failed = report.nodeid

    def pytest_sessionfinish(self) -> None:
        self._told.write_text(json.dumps({"seconds": self._seconds, "failed": self._failed}), encoding="utf-8")


@functools.cache
def tests_of(file: str) -> list[str]:
    """Return the tests that could see a mistake in a module."""
    if file in PURE:
        return list(PURE[file])
    module = file.removesuffix(".py").replace("/", ".")
    unit = [path for path in sorted((ROOT / "tests/unit").glob("test_*.py")) if module in set(_imports(path))]
    component = [path for path in sorted((ROOT / "tests/component").glob("test_*.py")) if path.name not in _SLOW]
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


def _run(mutant: Mutant | None, tests: list[str], order: Order, told: Path) -> int:
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
        return int(pytest.main([*options, *tests], [_Watched(order, mutant, told)]))


def fork(mutant: Mutant | None, tests: list[str], order: Order, told: Path) -> int:
    """Begin a run in a process of its own, which tells in a file how it went."""
    if child := os.fork():
        return child
    status = 70
    try:
        status = _run(mutant, tests, order, told)
    except BaseException:  # whatever ends the tests, the mutant did it
        status = 71
        if mutant is None:
            traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def tried_of(
    chosen: list[Mutant], processes: int, order: Order, seconds: float, say: Callable[[str], None]
) -> tuple[list[Mutant], list[Mutant]]:
    """Try mutants, several at a time, each for so many seconds at most, until all are or somebody interrupts it.

    Returns:
        Those that were tried, and those of them that all tests passed with.
    """
    waiting, running, found, done = list(chosen), dict[int, _Run](), list[Mutant](), list[Mutant]()
    unseen: list[Mutant] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            while waiting or unseen or running:
                while (waiting or unseen) and len(running) < processes:
                    everything = bool(unseen)
                    mutant, told = (unseen or waiting).pop(), Path(folder, f"{len(done)}-{len(waiting)}-{everything}")
                    tests = [] if everything else order.likely(mutant)
                    child = fork(mutant, tests or tests_of(mutant.file), order, told)
                    running[child] = _Run(mutant, time.monotonic() + seconds, told, bool(tests))
                child, status = os.waitpid(-1, os.WNOHANG)
                if child:
                    mutant, _, told, likely = running.pop(child)
                    # a test that is not found, as one of another module, ends a run too
                    if likely and os.waitstatus_to_exitcode(status) != pytest.ExitCode.TESTS_FAILED:
                        unseen.append(mutant)
                        continue
                    done.append(mutant)
                    # where no test ran, none saw it
                    if os.waitstatus_to_exitcode(status) in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
                        found.append(mutant)
                        say(f"survived ({len(done)} of {len(chosen)} tried): {mutant}")
                    elif test := _told(told).get("failed"):
                        order.learn(mutant, test)
                    if len(done) % 25 == 0:
                        say(f"{len(done)} of {len(chosen)} tried, {len(found)} survived")
                else:
                    time.sleep(0.02)
                _stop(pid for pid, run in running.items() if time.monotonic() > run.deadline)
        except KeyboardInterrupt:
            say(f"interrupted: {len(done)} of {len(chosen)} tried")
        finally:
            _stop(running)
    return done, found


class _Run(NamedTuple):
    mutant: Mutant
    deadline: float
    told: Path
    likely: bool
    """Whether only the tests that most probably see it are run."""


def _told(file: Path) -> dict[str, Any]:
    """Return what a run wrote; nothing where it was killed before."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}


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
        makers = random.Random(seed).sample(makers, most)
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
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many are tried at a time")
    parser.add_argument("--skip-pure", action="store_true", help="try those of components/ alone")
    parser.add_argument("--only", action="append", help="a module, of which every mutant is tried; may be repeated")
    given = parser.parse_args(arguments)

    def say(text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    files = [] if given.skip_pure else given.only or list(PURE)
    parts = [(file, chosen_of([file], None, given.seed)) for file in files]
    if not given.only and given.components:
        parts.append((f"components/ (seed {given.seed})", chosen_of(components(), given.components, given.seed)))
    say(f"seed {given.seed}; {sum(len(tried) for _, tried in parts)} mutants")
    tests = sorted({test for _, tried in parts for mutant in tried for test in tests_of(mutant.file)})
    preload(tests)
    order, began = Order(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        _, status = os.waitpid(fork(None, tests, order, told := Path(folder, "told")), 0)
        if os.waitstatus_to_exitcode(status) != pytest.ExitCode.OK:
            say("the tests fail without any mutant: nothing was tried")
            return 1
        order.seconds = _told(told)["seconds"]
    seconds = _TIMES * (time.monotonic() - began)
    results = []
    whole = True
    for name, chosen in parts:
        tried, survived = tried_of(chosen, given.processes, order, seconds, say)
        results.append((name, tried, survived))
        whole = len(tried) == len(chosen)
        if not whole:
            break
    say("")
    totals = [report(name, tried, survived, say) for name, tried, survived in results]
    counted, left = (sum(column) for column in zip(*totals, strict=True))
    share = 1 - left / counted if counted else 1.0
    say(f"killed: {share:.1%} of {counted} (at least {ENOUGH:.0%})")
    return 0 if whole and share >= ENOUGH else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
