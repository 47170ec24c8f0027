"""How long it takes to render and to validate many applications, beside plain Helm and beside fewer of them."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bootstrap.delivery.new_app import new_application
from bootstrap.delivery.render.application import Application, read_application
from bootstrap.delivery.render.render import everything, render_several
from bootstrap.delivery.validate.validate import validate
from bootstrap.helm import find_helm

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = "dev"


def project(folder: Path, applications: int) -> Path:
    """Return a project with so many applications in one environment."""
    for half in ("gitops", "tenants"):
        shutil.copytree(ROOT / half, folder / half)
    for file in ("Pulumi.yaml", f"Pulumi.{ENVIRONMENT}.yaml"):
        shutil.copy(ROOT / file, folder)
    # the example names environments that are not here
    (folder / "tenants" / "hello.yaml").unlink()
    shutil.rmtree(folder / "gitops" / "apps" / "hello")
    (folder / "gitops" / "overlay.yaml").unlink()
    for number in range(applications):
        name = f"app-{number:03}"
        new_application(folder, name, environments=[ENVIRONMENT], chart="web", image=f"example.azurecr.io/{name}")
    return folder.resolve()


def rendering(folder: Path) -> tuple[float, float]:
    """Return the seconds that all applications take, and those of plain Helm with as many at a time."""
    wanted = [pair for pair in everything(folder) if pair[0] != "root"]
    applications = [read_application(folder, *pair) for pair in wanted]

    def plain(made: Application) -> None:
        values = [part for file in made.helm.value_files for part in ("--values", str(file))]
        facts = ["--set", "global.platform.dnsZone=example.com"]
        command = [
            find_helm(),
            "template",
            made.release,
            str(made.helm.chart),
            "--namespace",
            made.namespace,
            *values,
            *facts,
        ]
        subprocess.run(command, check=True, capture_output=True)

    def helm() -> None:
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            list(pool.map(plain, applications))

    return timed(lambda: render_several(folder, wanted)), timed(helm)


def validation(folder: Path) -> float:
    """Return the seconds that the check of everything takes."""

    def run() -> None:
        if (report := validate(folder)).findings:
            raise AssertionError(f"the bench's own applications are refused: {report.findings[0]}")

    return timed(run)


def timed(run: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.monotonic()
    run()
    return time.monotonic() - started
