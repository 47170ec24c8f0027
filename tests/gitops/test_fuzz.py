"""Whatever stands in the files, a command ends with one of its exit statuses, and changes nothing when it fails.

``make test`` runs the same examples each time, ``make fuzz`` others. What a run found is kept as an example here.
"""

import copy
import hashlib
import io
import json
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bootstrap import cli
from bootstrap.delivery import commands
from bootstrap.delivery.render import helm
from bootstrap.errors import HelmError
from tests.gitops.conftest import ROOT

FRESH = settings.get_current_profile_name() == "fuzz"
FOLDERS = ("gitops", "tenants")
FILES = sorted(
    str(path.relative_to(ROOT))
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".yaml", ".json"} and "templates" not in path.parts
)
COMMANDS = {
    # what they may end with; 2 is that something was found
    ("validate",): {0, 2},
    ("validate", "--format", "json"): {0, 2},
    ("render", "--all"): {0, 1},
    ("render", "root", "dev"): {0, 1},
    ("render", "hello", "dev", "--format", "json"): {0, 1},
    ("render", "hello", "prod", "--format", "markdown"): {0, 1},
    ("overlay", "--check"): {0, 1, 2},
    ("app", "new", "shop"): {0, 1},
    ("app", "new-environment", "stage"): {0, 1},
}

ODD: st.SearchStrategy[object] = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        "",
        " ",
        "text",
        "*",
        "-x",
        "../../..",
        "/etc/passwd",
        "a\0b",
        "\ud800",
        "é",
        "x" * 300,
        [],
        [None],
        ["a", 1],
        [[]],
        {},
        {"a": None},
        {"$ref": "V1Nothing"},
        {"name": ["a"]},
    ]
)
TEXTS = st.sampled_from(
    [
        "",
        "\t",
        "a: [",
        "a: 1\na: 2\n",
        "- a\nb\n",
        "a: &a [*a]\n",
        "--- \n---\na: 1\n---\nb: 2\n",
        "%YAML 3.0\n",
        "\x00",
        "a: !!python/object:os.system x\n",
        "a: !!int x\n",
        "a: .nan\n",
        "{{ .Values.x }}\n",
        "<<: 1\n",
        '"\\ud800": 1\n',
        "a: " + "[" * 1500 + "\n",
        "null: 1\n? [a]\n: b\n",
        "\ufeffa: 1\n",
        "a: b\r\nc: d\r",
    ]
)


def paths(data, prefix=()):
    yield prefix
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from paths(value, (*prefix, key))


def read(file):
    return [document for document in YAML(typ="safe").load_all((ROOT / file).read_text()) if document is not None]


@st.composite
def mutations(draw):
    """A change to one file: of one node, of its text, or of what it is."""
    file = draw(st.sampled_from(FILES))
    kind = draw(st.sampled_from(["node", "node", "node", "text", "cut", "break", "bytes", "link", "gone"]))
    text = (ROOT / file).read_text()
    at = draw(st.integers(0, len(text)))
    given = {
        "node": lambda: changed_node(draw, file),
        "text": lambda: draw(TEXTS),
        "cut": lambda: text[:at],
        "break": lambda: text[:at] + draw(st.sampled_from(list("{}[]:&*!|>%@`\"'#-?\t\n\x07é"))) + text[at:],
        "link": lambda: draw(st.sampled_from(["/etc/hostname", "../../../..", Path(file).name, "nowhere"])),
    }.get(kind, lambda: None)()
    return file, kind if kind in {"bytes", "link", "gone"} else "text", given


def changed_node(draw, file):
    """Return a file's text with one node of another type, dropped, renamed or said twice."""
    document = copy.deepcopy(read(file)[0])
    path = draw(st.sampled_from(list(paths(document))))
    if not path:
        return spelled(draw(ODD))
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    kind = draw(st.sampled_from(["replace", "replace", "drop", "rename", "duplicate"]))
    twice = ""
    if kind == "replace":
        parent[path[-1]] = draw(ODD)
    elif kind == "drop":
        del parent[path[-1]]
    elif isinstance(parent, list):
        parent.append(copy.deepcopy(parent[path[-1]]))
    elif kind == "rename":
        parent[draw(st.sampled_from(["", "a.b", "metadata", "kind", "x"]))] = parent.pop(path[-1])
    else:
        twice = f"{json.dumps(str(path[0]))}: {json.dumps(draw(ODD), default=str)}\n"
    return spelled(document) + twice


def spelled(value):
    """Spell a document; JSON in lines is YAML, and what it cannot hold is broken text."""
    if isinstance(value, dict):
        return "".join(f"{json.dumps(str(key))}: {json.dumps(item, default=str)}\n" for key, item in value.items())
    return json.dumps(value, default=str)


def remembering(render):
    """Return the real Helm, asked once for the same files: most mutations leave what most environments read."""
    known = {}

    def answer(template):
        key = hashlib.sha256(repr((template.chart.name, template.release, template.namespace)).encode())
        key.update(repr((template.kube_version, template.api_versions, template.schema, template.inline)).encode())
        for file in [*sorted(template.chart.rglob("*")), *template.values]:
            key.update(f"\0{file.name}\0".encode() + (file.read_bytes() if file.is_file() else b""))
        if key.digest() not in known:
            try:
                known[key.digest()] = render(template)
            except HelmError as error:
                known[key.digest()] = error
        if isinstance(known[key.digest()], HelmError):
            raise known[key.digest()]
        return known[key.digest()]

    return answer


@pytest.fixture(scope="module")
def sandbox(example, tmp_path_factory):
    root = (tmp_path_factory.mktemp("fuzz") / "project").resolve()
    shutil.copytree(example.root, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(helm.Template, "render", remembering(helm.Template.render))
        patch.setattr(commands, "ROOT", root)
        yield root


def run(*arguments):
    """Run a command as its script does, and return its exit status and what it printed."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["bootstrap", *arguments])
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        patch.setattr(sys, "path", list(sys.path))
        cli.main()
    return ended.value.code, *(stream.buffer.getvalue().decode() for stream in (out, err))


def apply(root, mutation):
    file, kind, given = mutation
    path = root / file
    if kind == "text":
        path.write_bytes(given.encode("utf-8", errors="surrogatepass"))
    elif kind == "bytes":
        path.write_bytes(b"a: \xff\xfe\n")
    else:
        path.unlink()
        if kind == "link":
            path.symlink_to(given)


def state(root):
    """Return every file of the folders with what is in it."""
    return {
        str(path): path.readlink() if path.is_symlink() else path.read_bytes()
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.is_symlink() or path.is_file()
    }


@settings(
    max_examples=5000 if FRESH else 500,
    derandomize=not FRESH,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(mutations(), min_size=1, max_size=3, unique_by=lambda one: one[0]), st.sampled_from(list(COMMANDS)))
@example([("tenants/hello.yaml", "text", "environments: []\nowner: 7\n")], ("validate",))
@example([("tenants/hello.yaml", "gone", None)], ("render", "root", "dev"))
@example([("tenants/hello.yaml", "gone", None)], ("render", "--all"))
@example([("tenants/hello.yaml", "text", "a: [\n")], ("validate",))
@example([("tenants/Chart.yaml", "gone", None)], ("render", "root", "dev"))
@example([("gitops/cluster/kinds.yaml", "text", "7\n")], ("render", "--all"))
@example([("gitops/cluster/schemas/Application.argoproj.io.yaml", "text", "properties: []\n")], ("validate",))
@example([("gitops/cluster/kinds.yaml", "text", '[{"apiVersion": "a\\u0000b/v1", "cluster": ["X"]}]')], ("validate",))
@example([("tenants/hello.yaml", "text", '"\\ud800": 1\n')], ("validate",))
@example([("gitops/apps/hello/local.yaml", "text", "image: true\nreplicas: 1\n")], ("overlay", "--check"))
def test_a_broken_folder_is_told_and_never_a_traceback(sandbox, mutated, command):
    for folder in FOLDERS:
        shutil.rmtree(sandbox / folder)
        shutil.copytree(ROOT / folder, sandbox / folder, symlinks=True)
    for mutation in mutated:
        apply(sandbox, mutation)
    before = state(sandbox)
    status, out, err = run(*command)
    assert status in COMMANDS[command], (status, out, err)
    assert "Traceback" not in out + err
    if status == 1:
        assert err.startswith("error: ") and out == "", (out, err)
        assert state(sandbox) == before, "what fails changes nothing"
    if status != 1 and command[0] != "app":
        assert out
        # how far a long search is goes there too
        assert err == "" or command[0] == "overlay"
        assert state(sandbox) == before
    if "json" in command and status != 1:
        json.loads(out)
