"""Numbers, and what only looks like one, held against Helm's own reading of a values file."""

import json
import shutil
import subprocess

from bootstrap.delivery.manifests import load_all

PLAIN = [
    *[
        "0",
        "00",
        "-0",
        "+1",
        "1",
        "017",
        "0o17",
        "0O17",
        "-017",
        "0777",
        "08",
        "09.5",
        "0_7",
        "0o8",
        "0b101",
        "0B1",
        "0b2",
    ],
    *[
        "0b",
        "0x1F",
        "0X1",
        "-0x1F",
        "0x",
        "0x_1",
        "1_000",
        "1__0",
        "_1",
        "1,000",
        "1_0.5",
        ".5",
        "-.5",
        "+.5",
        "5.",
        "0.",
    ],
    *[
        "1.10",
        "1.0",
        "1e3",
        "1E5",
        "4e5",
        "1e+3",
        "1.5e3",
        "1.e5",
        ".e5",
        "0e5",
        "12e03",
        "12e4567",
        "1e400",
        "1" * 21,
        "1d",
    ],
    *["22:22", "1:30:00", "22:22.5", "-1:30", "0:59", "0:0", "1:60", "24:00", "60:00", "1_1:11", "190:20:30"],
    *["2001-01-01", "2001-01-01T00:00:00Z", "y", "n", "Y", "N", "yes", "Yes", "no", "on", "ON", "off", "True", "TRUE"],
    *["tRUE", "false", "~", "null", "Null", "NULL", "nULL", "=", "<<"],
]


def test_a_plain_scalar_is_what_helm_makes_of_it(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: a\nversion: 0.1.0\n")
    (tmp_path / "templates" / "a.yaml").write_text("read: {{ toJson .Values.read | quote }}\n")
    values = "read:\n" + "".join(f"  - {text}\n" for text in PLAIN)
    (tmp_path / "values.yaml").write_text(values)
    helm = shutil.which("helm") or "helm"
    printed = subprocess.run([helm, "template", "a", str(tmp_path)], capture_output=True, text=True, check=True).stdout
    theirs = json.loads(load_all(printed, "helm")[0]["read"])
    ours = load_all(values, "values.yaml")[0]["read"]
    assert dict(zip(PLAIN, map(_typed, ours), strict=True)) == dict(zip(PLAIN, map(_typed, theirs), strict=True))


def _typed(value: object) -> tuple[str, object]:
    # to Helm every number is a float
    return (
        ("number", float(value))
        if isinstance(value, int | float) and not isinstance(value, bool)
        else (type(value).__name__, value)
    )
