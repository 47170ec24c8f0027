"""Whatever becomes of a stack file, it is read or refused in our words; never with a traceback.

500 files with a fixed seed in ``make test``, 10,000 fresh ones by ``make fuzz``; what once failed stays an example.
"""

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bootstrap.errors import StackFileError
from bootstrap.stackfile import read_stack
from bootstrap.yamlfile import parse as parse_yaml
from settings import Settings, parse
from settings.report import SettingsError
from tests.stacks.mistakes import base

ROOT = Path(__file__).resolve().parents[2]
FRESH = int(os.environ.get("AKS_BOOTSTRAP_FUZZ", "0"))
STACKS = ("dev", "prod", "local")
SECRET = "ghp_0123456789abcdefghij"

PLAIN = """
~ null true yes 0 -1 1.40 0123456 4582e10 .inf .nan 0x1F 1_000 2026-01-31 [ { ] } [] {} *x | > ' " # %TAG --- ...
ü о ４ 1.2.3.4 10.0.0.0/8 0.0.0.0/0 ::1 dev.example.com a@b.c Standard_D4ds_v5 * @ a=b:NoSchedule
"""
ODD = ["", "- x", "&x y", "!!set {a, b}", "!!binary aGVsbG8=", "!x y", "a: b", "\t", "\x07", "\ud7ff", "\u200b"]
LONG = ["9" * 5000, "x" * 300, f"https://x:{SECRET}@h/p", "p, a, b", "[[" * 600]
DEEP = ["{secure: AAAB}", "{? [a] : b}", "<<: {a: b}"]
WORDS = st.sampled_from([*PLAIN.split(), *ODD, *LONG, *DEEP])


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, str]:
    """A stack file with one to three changes that a person or an editor could make."""
    stack = draw(st.sampled_from(STACKS))
    lines = base(stack).split("\n")
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        line = lines[number]
        kind = draw(st.integers(0, 8))
        if kind == 0:
            del lines[number]
        elif kind == 1:
            lines.insert(number, line)
        elif kind == 2:
            lines[number] = draw(st.sampled_from(["", " ", "  ", "    ", "\t"])) + line.lstrip()
        elif kind in (3, 4):
            lines[number] = f"{line.partition(': ')[0].rstrip(':')}: {draw(WORDS)}"
        elif kind == 5:
            place = draw(st.integers(0, len(line)))
            lines[number] = line[:place] + draw(st.characters(codec="utf-8")) + line[place:]
        elif kind == 6:
            lines[number] = line.upper() if draw(st.booleans()) else line.replace(":", "", 1)
        elif kind == 7:
            lines.insert(number, f"    {draw(WORDS)}: {draw(WORDS)}")
        else:
            lines[number] = f"{line.partition('- ')[0]}- {draw(WORDS)}"
        if not lines:
            break
    return stack, "\n".join(lines)


@st.composite
def nested(draw: st.DrawFn) -> tuple[str, str]:
    """A stack file with one value replaced by any other, at any depth."""
    stack = draw(st.sampled_from(STACKS))
    data = json.loads(json.dumps(parse_yaml(base(stack)).data))
    place = data["config"]
    while True:
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            break
        place = inner
    number = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    scalar = st.none() | st.booleans() | number | st.text(max_size=20)
    place[key] = draw(
        st.recursive(scalar, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=8), x, max_size=3))
    )
    return stack, json.dumps(data)


def check(file: tuple[str, str]) -> None:
    stack, text = file
    with TemporaryDirectory() as folder:
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        (Path(folder) / f"Pulumi.{stack}.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            values = read_stack(Path(folder), stack).values
            read = parse({key.removeprefix("aks-bootstrap:"): text for key, text in values.items() if "aks-b" in key})
        except (StackFileError, SettingsError) as error:
            message = str(error)
            assert any(word in message for word in ("allowed", "missing", "did you mean", "indent it below")), message
            assert SECRET not in message
            assert not any(word in message for word in ("<unicode string>", "Input should", "valid tuple", "ruamel"))
        else:
            assert isinstance(read, Settings)


MANY = settings(
    max_examples=FRESH // 2 or 250,
    derandomize=not FRESH,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


@MANY
@given(changed())
@example(("dev", "config:\n  aks-bootstrap:tags: {a: " + "[" * 1200))
@example(("dev", "config: [" * 700))
@example(("dev", "? [a, b]\n: c\n"))
@example(("dev", "config: &a\n  x: *a\n"))
@example(("dev", "\x00\x00"))
@example(("dev", f"config:\n  aks-bootstrap:certificates:\n    https://x:{SECRET}@h/p: 0\n"))
@example(("dev", f"config:\n  https://x:{SECRET}@h/p: 0\nhttps://x:{SECRET}@h: 1\n"))
@example(("dev", "config:\n  aks-bootstrap:environment: &x dev\n  aks-bootstrap:platform: &x y\n"))
@example(("local", "config:\n  aks-bootstrap:environment: local\n  aks-bootstrap:argocd:- 0\n    adminEnabled: true\n"))
@example(("dev", "config:\nconfig:\n  x [y]\n  aks-bootstrap:environment: dev\n  a:b:\n    c: true\n"))
@example(("local", base("local").replace("charts:\n    keepCrds", "charts:\n  keepCrds")))
@example(("dev", base("dev").replace("  aks-bootstrap:environment: dev", " \r aks-bootstrap:environment: dev")))
@example(("dev", base("dev").replace("tags:\n    owner", "tags:\n \u2028   owner")))
@example(("dev", ""))
def test_a_changed_stack_file_is_read_or_refused(file):
    check(file)


@MANY
@given(nested())
def test_a_stack_file_with_any_value_is_read_or_refused(file):
    check(file)
