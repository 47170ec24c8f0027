"""`make mutate` begins with the tests that most probably see a mutant."""

import pytest

from tests.mutation import __main__ as mutation
from tests.mutation.mutants import Mutant

FILE = "components/azure/roles.py"
CALLS, BESIDE = "tests/unit/test_calls.py::test", "tests/unit/test_calls.py::test_another"
QUICK, SLOW, SAW = (f"tests/unit/test_{name}.py::test" for name in ("quick", "slow", "saw"))


@pytest.fixture
def mutant() -> Mutant:
    first = mutation.functions(FILE)[0]
    return Mutant(file=FILE, line=first.stop - 1, before="", after="", code="")


@pytest.fixture
def order(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> mutation.Order:
    tests = [CALLS, BESIDE, QUICK, SLOW, SAW]
    monkeypatch.setattr(mutation, "tests_of", lambda _: [test.partition("::")[0] for test in tests])
    seconds = {CALLS: 3.0, BESIDE: 2.0, QUICK: 0.1, SLOW: 9.0, SAW: 5.0, "tests/unit/test_other.py::test": 0.0}
    found = mutation.Order(seconds=seconds)
    found.reached[mutant.file, mutation.functions(FILE)[0].start] = {CALLS}
    return found


def test_what_runs_the_function_comes_first_then_its_file_then_the_quick(order: mutation.Order, mutant: Mutant) -> None:
    assert order.likely(mutant) == [CALLS, BESIDE, QUICK, SAW, SLOW]


def test_what_saw_a_mutant_of_the_module_comes_before_all(order: mutation.Order, mutant: Mutant) -> None:
    order.learn(mutant, SAW)
    assert order.likely(mutant)[:2] == [SAW, CALLS]


def test_outside_functions_what_saw_any_mutant_comes_first(order: mutation.Order, mutant: Mutant) -> None:
    order.learn(Mutant(file="components/access.py", line=1, before="", after="", code=""), SLOW)
    top = Mutant(file=FILE, line=1, before="", after="", code="")
    assert order.likely(top) == [SLOW, QUICK, BESIDE, CALLS, SAW]


def test_the_innermost_function_counts(order: mutation.Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation, "functions", lambda _: [range(1, 20), range(5, 10)])
    order.reached = {(FILE, 1): {QUICK}, (FILE, 5): {SLOW}}
    assert order.likely(Mutant(file=FILE, line=7, before="", after="", code=""))[0] == SLOW
    assert order.likely(Mutant(file=FILE, line=12, before="", after="", code=""))[0] == QUICK
