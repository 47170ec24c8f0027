"""A run loads what it uses: start-up is most of what a preview takes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROBE = """
import json, sys
sys.path.insert(0, {root!r})
sys.argv = ["bootstrap", "plan", "--stack", {stack!r}, "--format", "json"]
import contextlib, io
from bootstrap.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
loaded = {{n for n, m in list(sys.modules.items()) if type(m).__name__ != "_LazyModule"}}
print(json.dumps(sorted(loaded)))
"""

NEVER = {
    # package -> why a plan has no business with it
    "kubernetes": "only hooks and `up` ask a cluster",
    "rich": "JSON is not for eyes",
    "pulumi.automation": "only commands around the CLI",
    "pulumi.dynamic": "no dynamic provider",
    "dill": "comes with pulumi.dynamic",
    "yaml": "comes with pulumi.automation; stack files are read with ruamel",
    "rehearsal": "no stand-in in a plan",
    "bootstrap.delivery.render": "another command",
    "bootstrap.platform.up": "another command",
    "bootstrap.platform.run": "another command",
}


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    probe = PROBE.format(root=str(ROOT), stack="prod")
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("package", NEVER)
def test_a_plan_does_not_load_what_it_does_not_use(loaded: set[str], package: str) -> None:
    assert not {name for name in loaded if name == package or name.startswith(f"{package}.")}, NEVER[package]


@pytest.mark.parametrize(("sdk", "most"), [("pulumi_azure_native", 75), ("pulumi_kubernetes", 60)])
def test_a_plan_loads_a_few_modules_of_each_sdk(loaded: set[str], sdk: str, most: int) -> None:
    """All of azure-native's namespaces that the program uses have some 1,600 modules."""
    assert len({name for name in loaded if name.startswith(f"{sdk}.")}) <= most


def test_names_of_a_namespace_are_those_that_its_own_init_gives() -> None:
    """What a name means does not depend on how its package was loaded."""
    code = """
import sys
sys.path.insert(0, {root!r})
{first}
from pulumi_azure_native import dns
from pulumi_kubernetes.core import v1
for module in (dns, v1):
    for name in sorted(module.__all__ if hasattr(module, "__all__") else vars(module)):
        value = getattr(module, name)
        if isinstance(value, type):
            print(module.__name__, name, value.__module__, value.__qualname__)
"""
    plain, ours = (
        subprocess.run(
            [sys.executable, "-c", code.format(root=str(ROOT), first=first)], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for first in ("", "import startup")
    )
    assert set(ours) <= set(plain)
    # the program's own names
    for name in ("RecordSet", "Zone", "ARecordArgs", "ZoneType"):
        assert any(f" {name} " in line for line in plain)


@pytest.mark.parametrize(
    ("ends", "status", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", -signal.SIGINT, ""),
        ("raise ValueError('a mistake')", 1, "ValueError: a mistake"),
    ],
)
def test_a_program_that_the_engine_interrupts_shows_no_traceback(ends: str, status: int, told: str) -> None:
    # what is started in the background inherits that Ctrl-C is ignored
    code = f"import startup, os, signal, time; signal.signal(signal.SIGINT, signal.default_int_handler); {ends}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == status
    assert done.stderr.strip().splitlines()[-1:] == ([told] if told else [])


def test_what_is_installed_is_the_project_and_no_copy_of_it(tmp_path: Path) -> None:
    """A copy would be that of yesterday once the project has changed."""
    rooms = ["bootstrap", "components", "rehearsal", "settings", "conventions", "startup"]
    code = f"import importlib; print(*(importlib.import_module(name).__file__ for name in {rooms}), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert [Path(file).is_relative_to(ROOT) for file in done.stdout.splitlines()] == [True] * len(rooms)
    assert str(Path(sys.prefix)) not in done.stdout
