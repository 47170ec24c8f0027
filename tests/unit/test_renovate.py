"""Renovate reads every version that is pinned in the tree.

Pins are found independently of Renovate, by what a version looks like in each kind of file. What `renovate.json` covers
is derived from its patterns; where Renovate is installed, its own extraction has to give the same result.
"""

import ast
import functools
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from components.addons.charts import PINNED

ROOT = Path(__file__).resolve().parents[2]
RENOVATE = os.environ.get("AKS_BOOTSTRAP_RENOVATE") or shutil.which("renovate")

CONFIG = json.loads((ROOT / "renovate.json").read_text())
VERSION = r"v?\d+(?:\.\d+)+"
DIGEST = r"sha256:[0-9a-f]{64}"
IMAGE = rf"[\w.-]+\.[a-z]+(:\d+)?/[\w./-]+(:v?\d[\w.-]*|@{DIGEST})"

NOT_FOR_RENOVATE = {
    "contentVersion": "the format of an ARM template, which has one version",
    "gitops/charts/web/Chart.yaml": "the chart's own version, which nothing reads",
    "tenants/Chart.yaml": "the chart's own version, which nothing reads",
    "gitops/charts/worker/Chart.yaml": "the chart's own version, which nothing reads",
    "gitops/charts/cron/Chart.yaml": "the chart's own version, which nothing reads",
    "bootstrap/platform/evidence/controls.yaml": "a benchmark's version: its controls change with it, by hand",
}
"""Versions that follow no release, by the name they are assigned to or the file they are in."""


@dataclass(frozen=True, order=True)
class Pin:
    """A version and its place."""

    file: str
    line: int
    value: str

    def __str__(self):
        return f"{self.file}:{self.line} {self.value}"


@dataclass(frozen=True, order=True)
class Dependency:
    """What Renovate extracts from a file."""

    file: str
    name: str
    value: str


def files(*suffixes: str) -> dict[str, str]:
    """Return the texts of the project's own files, by path."""
    return {path: text for path, text in every_file().items() if path.endswith(suffixes)}


@functools.cache
def every_file() -> dict[str, str]:
    """Return what is or will be committed, without the tests: versions there are test data."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {
        path: (ROOT / path).read_text(errors="replace")
        for path in sorted(set(listed.splitlines()))
        if not path.startswith("tests/") and (ROOT / path).is_file()
    }


def in_python(path: str, text: str) -> Iterator[Pin]:
    """Version literals assigned to a name with "version" in it, and image references anywhere.

    Azure's API versions, which are dates, follow from the SDK's version (docs/decisions/0005-api-versions.md).
    """
    for node in ast.walk(ast.parse(text)):
        for name, value in given(node):
            if "version" in name.lower() and name not in NOT_FOR_RENOVATE and re.fullmatch(VERSION, text_of(value)):
                yield Pin(path, value.lineno, text_of(value))
        if isinstance(node, ast.Constant) and re.fullmatch(IMAGE, text_of(node)):
            yield Pin(path, node.lineno, text_of(node))


def given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names and their values in assignments, keyword arguments, dictionaries and defaults."""
    pairs: Iterable[tuple[str, ast.expr | None]] = ()
    match node:
        case ast.Assign(targets=targets, value=value):
            pairs = [(ast.unparse(target), value) for target in targets]
        case ast.AnnAssign(target=target, value=value):
            pairs = [(ast.unparse(target), value)]
        case ast.keyword(arg=str(name), value=value):
            pairs = [(name, value)]
        case ast.Dict(keys=keys, values=values):
            pairs = [(text_of(key), value) for key, value in zip(keys, values, strict=True)]
        case ast.arguments(args=args, defaults=defaults, kwonlyargs=named, kw_defaults=their):
            both = [*zip(reversed(args), reversed(defaults), strict=False), *zip(named, their, strict=True)]
            pairs = [(argument.arg, default) for argument, default in both]
    return ((name, value) for name, value in pairs if value is not None)


def text_of(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def in_lines(path: str, text: str, pattern: str) -> Iterator[Pin]:
    """Matches of a pattern outside comments; the value is its last group."""
    for number, line in enumerate(text.splitlines(), start=1):
        code = re.split(r"(?:^|\s)#", line)[0]
        yield from (Pin(path, number, found[found.lastindex or 0]) for found in re.finditer(pattern, code))


def in_workflow(path: str, text: str) -> Iterator[Pin]:
    """Every commit and version, except the older Pythons of a matrix: the supported range determines those."""
    found = list(in_lines(path, text, rf"(?<![\w.])({VERSION})(?![\w.])|@(\S+)"))
    pythons = [pin for pin in found if re.search(rf'^\s+- "{re.escape(pin.value)}"$', text.splitlines()[pin.line - 1])]
    return (pin for pin in found if pin not in pythons[:-1])


def in_requirements(path: str, text: str) -> Iterator[Pin]:
    return in_lines(path, text, r"^[\w.-]+\s*[=<>~!]=\s*([^\s;\\]+)")


def in_project(path: str, text: str) -> Iterator[Pin]:
    """Every string that requires a package in a version, in any table."""
    for number, line in enumerate(text.splitlines(), start=1):
        for found in re.finditer(r'"[A-Za-z][\w.-]*(?:\[.*\])?\s*((?:[=<>~!]=|[<>])\s*[\d.]+[^"]*)"', line):
            yield Pin(path, number, found[1])
        if required := re.match(r'requires-python = "(.+)"', line):
            yield Pin(path, number, required[1])


def in_yaml(path: str, text: str) -> Iterator[Pin]:
    key = r"(?:\w*[vV]ersion|tag|digest|rev|targetRevision|image)"
    return in_lines(path, text, rf'(?:^|[\s{{]){key}:\s*"?(\S*?(?:{VERSION}[\w.-]*|{DIGEST}))')


def in_values(path: str, text: str) -> Iterator[Pin]:
    """Digests followed by a version; `bootstrap promote` writes all other images of an application."""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := re.search(rf"({DIGEST})\W*#\s*{VERSION}", line):
            yield Pin(path, number, found[1])


@functools.cache
def pins() -> dict[str, list[Pin]]:
    """Every pin, by kind of file."""
    found: dict[str, list[Pin]] = defaultdict(list)
    for path, text in files(".py").items():
        found["Python"] += in_python(path, text)
    for path, text in files(".yml", ".yaml").items():
        if path.startswith((".github/workflows/", ".github/actions/")):
            found["workflow"] += in_workflow(path, text)
        elif path.startswith("gitops/apps/"):
            found["values"] += in_values(path, text)
        elif path not in NOT_FOR_RENOVATE and not path.startswith("rehearsal/charts/"):
            found["YAML"] += in_yaml(path, text)
    for path, text in files(".txt", ".in").items():
        found["requirements"] += in_requirements(path, text)
    for path, text in files("pyproject.toml").items():
        found["project"] += in_project(path, text)
    for path, text in files("Makefile", ".sh", ".ci/run", "Dockerfile").items():
        found["script"] += in_lines(path, text, rf"(?<![\w.])({VERSION})(?![\w.])")
    return found


def matches(manager: dict[str, Any], path: str) -> bool:
    return any(re.search(in_re(pattern[1:-1]), path) for pattern in manager["managerFilePatterns"])


def in_re(pattern: str) -> str:
    """Convert a JavaScript or RE2 pattern to Python's syntax."""
    return re.sub(r"\(\?<(?![=!])", "(?P<", pattern)


def by_patterns(path: str, text: str) -> Iterator[tuple[Pin, Dependency]]:
    """What the custom managers read."""
    for manager in CONFIG["customManagers"]:
        if not matches(manager, path):
            continue
        for pattern in manager["matchStrings"]:
            for found in re.finditer(in_re(pattern), text):
                groups = found.groupdict()
                assert groups.get("datasource") or manager.get("datasourceTemplate")
                name = groups.get("depName") or manager["depNameTemplate"]
                dependency = Dependency(path, name, groups["currentValue"])
                for group in ("currentValue", "currentDigest"):
                    if groups.get(group):
                        line = text.count("\n", 0, found.start(group)) + 1
                        yield Pin(path, line, groups[group]), dependency


def by_github_actions(path: str, text: str) -> Iterator[tuple[Pin, Dependency]]:
    """Actions with commit and version, runners, and the versions passed to setup actions."""
    if not re.fullmatch(r"\.github/(workflows|actions)/.+\.ya?ml", path):
        return
    asked = {"actions/setup-python": ("python-version", "python"), "azure/setup-helm": ("version", "helm")}
    for number, line in enumerate(text.splitlines(), start=1):
        if found := re.match(r"\s+(?:- )?uses: ([^@\s]+)@([0-9a-f]{40}) # (v\S+)$", line):
            action, commit, version = found.groups()
            yield Pin(path, number, commit), Dependency(path, action, version)
        if found := re.match(r"\s+runs-on: ([a-z]+)-(\S+)", line):
            yield Pin(path, number, found[2]), Dependency(path, found[1], found[2])
    document = YAML().load(text)
    for job in document["jobs"].values() if "jobs" in document else [document["runs"]]:
        for step in job["steps"]:
            key, name = asked.get(step.get("uses", "").split("@")[0], (None, ""))
            if key:
                value = str(step["with"][key])
                yield Pin(path, step["with"].lc.value(key)[0] + 1, value), Dependency(path, name, value)


def by_pep621(path: str, text: str) -> Iterator[tuple[Pin, Dependency]]:
    """A project's dependencies, dependency groups and build requirements, and the Python it requires."""
    if Path(path).name != "pyproject.toml":
        return
    project = tomllib.loads(text)
    named = [
        *project["project"]["dependencies"],
        *(named for group in project.get("dependency-groups", {}).values() for named in group),
        *project.get("build-system", {}).get("requires", ()),
    ]
    lines = list(enumerate(text.splitlines(), start=1))
    for entry in named:
        name = re.split(r"[^\w.-]", entry)[0]
        value = entry.removeprefix(name)
        for number, line in lines:
            if value and f'"{entry}"' in line:
                yield Pin(path, number, value), Dependency(path, name, value)
    python = project["project"]["requires-python"]
    for number, line in lines:
        if line.startswith("requires-python"):
            yield Pin(path, number, python), Dependency(path, "python", python)


def by_pip_requirements(path: str, text: str) -> Iterator[tuple[Pin, Dependency]]:
    if re.search(r"(^|/)[\w-]*requirements([-._]\w+)?\.(txt|pip)$", path):
        for number, line in enumerate(text.splitlines(), start=1):
            if found := re.match(r"([\w.-]+)==([^\s;\\]+)", line):
                yield Pin(path, number, found[2]), Dependency(path, found[1], f"=={found[2]}")


READERS = {
    "custom.regex": by_patterns,
    "github-actions": by_github_actions,
    "pep621": by_pep621,
    "pip_requirements": by_pip_requirements,
}


@functools.cache
def read() -> dict[Pin, Dependency]:
    """Everything that the enabled managers read."""
    return {
        pin: dependency
        for path, text in every_file().items()
        for manager in CONFIG["enabledManagers"]
        for pin, dependency in READERS[manager](path, text)
    }


def test_renovate_reads_every_version_that_is_pinned():
    unread = sorted(pin for found in pins().values() for pin in found if pin not in read())
    assert not unread, "renovate.json covers none of " + ", ".join(map(str, unread))


def test_pins_of_every_kind_are_found():
    found = {kind: {pin.value for pin in of_kind} for kind, of_kind in pins().items()}
    charts = re.findall(r'version="(.+?)"', next(t for p, t in files(".py").items() if p.endswith("addons/charts.py")))
    assert len(charts) == len(PINNED)
    assert found["Python"] >= {*charts}
    assert any(re.fullmatch(r"1\.\d\d", value) for value in found["Python"]), "the default version of Kubernetes"
    assert found["workflow"] >= {"24.04", "3.12", "3.14"}
    assert {value[0] for value in found["project"]} == {"=", ">"}
    assert len(found["requirements"]) == 1
    assert any(value.startswith("sha256:") for value in found["values"])


def test_every_exception_still_exists():
    everything = "\n".join(files(".py").values())
    for name in NOT_FOR_RENOVATE:
        assert name in every_file() or re.search(rf"\b{name}\b", everything), name


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('VERSION = "3.29.0"', "3.29.0"),
        ('DEFAULT_KUBERNETES_VERSION = "1.35"', "1.35"),
        ('kubernetes_version: Annotated[str, Field(pattern="1.*")] = "1.35"', "1.35"),
        ('CHART = Chart(\n    name="a",\n    version="v1.2.3",\n)', "v1.2.3"),
        ('x = {"version": "2.0"}', "2.0"),
        ('def f(version="2.0"): pass', "2.0"),
        ('image("ghcr.io/example/app:1.2")', "ghcr.io/example/app:1.2"),
    ],
)
def test_a_version_in_the_program_is_found_and_needs_a_comment_to_be_read(line, found):
    assert [pin.value for pin in in_python("components/x.py", line)] == [found]
    assert list(by_patterns("components/x.py", line)) == []


@pytest.mark.parametrize(
    ("finder", "text", "found"),
    [
        (in_workflow, "    - uses: actions/cache@v4\n", ["v4"]),
        (in_workflow, "    - uses: docker://alpine:3.20\n", ["3.20"]),
        (in_workflow, '    env:\n      KIND: "0.30.0"\n', ["0.30.0"]),
        (in_workflow, "    # as 1.2 did\n", []),
        (in_yaml, "repos:\n  - repo: https://github.com/a/b\n    rev: v1.2.3\n", ["v1.2.3"]),
        (in_yaml, "image: ghcr.io/example/app:1.2.3\n", ["ghcr.io/example/app:1.2.3"]),
        (in_yaml, "dependencies:\n- {name: a, version: 1.2.3}\n", ["1.2.3"]),
        (in_yaml, "apiVersion: argoproj.io/v1alpha1\n", []),
        (in_values, f"  digest: sha256:{'0' * 64} # 6.11.2\n", [f"sha256:{'0' * 64}"]),
        (in_values, "  tag: v1.2.3 # bootstrap promote shop dev v1.2.3\n", []),
        (in_project, 'constraint-dependencies = ["a==1.2"]\n', ["==1.2"]),
        (in_requirements, "a==1.2 \\\n    --hash=sha256:00\n", ["1.2"]),
    ],
)
def test_a_version_in_another_file_is_found_by_its_form(finder, text, found):
    assert [pin.value for pin in finder("x", text)] == found


def test_every_comment_for_renovate_applies_to_a_version_below_it():
    for path, text in files(".py", ".yml", ".yaml").items():
        comments = [n for n, line in enumerate(text.splitlines(), start=1) if "# renovate:" in line]
        lines = [pin.line for pin, _ in by_patterns(path, text)]
        for comment in comments:
            assert len([line for line in lines if comment < line <= comment + 5]) >= 1, f"{path}:{comment}"
        assert len(comments) <= len(lines), path


def test_a_package_has_one_version_wherever_it_is_pinned():
    versions = defaultdict(set)
    for dependency in read().values():
        if dependency.name != "python":
            versions[dependency.name].add(dependency.value.removeprefix("=="))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_package_rules_name_only_dependencies_that_exist():
    ruled = {name for rule in CONFIG["packageRules"] for name in rule.get("matchDepNames", ())}
    assert ruled <= {dependency.name for dependency in read().values()}


@pytest.mark.skipif(not RENOVATE, reason="no renovate on PATH, and AKS_BOOTSTRAP_RENOVATE does not name one")
def test_renovate_itself_extracts_the_same(tmp_path):
    binary = Path(RENOVATE or "").absolute()
    environment = {
        **os.environ,
        "PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}",  # the Node.js it was installed with
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "info",
        "RENOVATE_BASE_DIR": str(tmp_path),
    }
    command = [str(binary), "--platform=local", "--dry-run=extract"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    [extracted] = [message["packageFiles"] for message in messages if message["msg"] == "Extracted dependencies"]
    theirs = {
        Dependency(file["packageFile"], found.get("depName") or found["packageName"], found["currentValue"])
        for manager in extracted.values()
        for file in manager
        for found in file["deps"]
        if found.get("currentValue")
    }
    assert theirs == set(read().values()), done.stderr
