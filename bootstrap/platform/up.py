"""``bootstrap up``, ``down``, ``recover`` and ``drift``: Pulumi, after choosing and printing what it uses."""

from startup import on_demand

import contextlib
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi.automation import CommandError, LocalWorkspace, OpType, PulumiCommand, Stack
from rich.console import Console
from rich.markup import escape

from bootstrap.errors import NotServingError, UpError
from bootstrap.platform.local_cluster import KIND_CLUSTER, api_client, kind_cluster_exists, kind_config
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.recover import Recovered, recover, retained
from bootstrap.platform.run import Run, prepare
from bootstrap.platform.state import check_cluster, remove_stack, select_stack, stack_exists
from bootstrap.private import private_files
from bootstrap.signals import ends_tidily
from components.release.guard import AGAIN

if TYPE_CHECKING:
    from bootstrap.platform import operations, reach
    from bootstrap.platform.doctor import doctor as diagnosis
    from bootstrap.platform.verify import report as verification
    from bootstrap.platform.verify import verify as verifying
else:  # a third of a second that only a local stack needs, and a second that only Azure's do
    operations = on_demand("bootstrap.platform.operations")
    reach = on_demand("bootstrap.platform.reach")
    diagnosis = on_demand("bootstrap.platform.doctor.doctor")
    verification = on_demand("bootstrap.platform.verify.report")
    verifying = on_demand("bootstrap.platform.verify.verify")


@private_files()
def up(
    root: Path,
    stack: str,
    *,
    yes: bool,
    skip_preview: bool = False,
    skip_doctor: bool = False,
    skip_verify: bool = False,
    console: Console,
) -> None:
    """Deploy a stack, and create the kind cluster of a local one if it does not exist.

    Args:
        root: the project.
        stack: the stack's name.
        yes: whether to go ahead without asking.
        skip_preview: whether to leave the preview out, as where only the update can repair what it fails on.
        skip_doctor: whether not to ask Azure first, as where a check of the doctor is wrong.
        skip_verify: whether not to ask at the end whether the cluster does what it is for.
        console: where the choices and the way to Argo CD are printed.

    Raises:
        BootstrapError: something is missing (nothing was changed), Pulumi failed, or what is up does not work.
    """
    run = prepare(root, stack, console, deployed=True)
    if run.local and run.target.managed and not kind_cluster_exists():
        _create_kind_cluster(run)
    check_cluster(run)
    if not (run.local or skip_doctor):
        _ask_azure(run)
    config = select_stack(run)
    options = [*(["--skip-preview"] if skip_preview else []), *(["--yes"] if yes else [])]
    _update(run, "pulumi", "up", "--stack", stack, *config, *options)
    if run.local:
        found = reach.entry(api_client(run.kubeconfig, run.settings.local.context), mapped=run.target.managed)
        console.print("\n[bold]Argo CD[/]")
        for word, text in reach.directions(run.settings, run.kubeconfig, found):
            console.print(f"[bold]{word:8}[/] {escape(text)}", soft_wrap=True, highlight=False)
    if not skip_verify:
        _ask_cluster(run)


@private_files()
def down(root: Path, stack: str, *, yes: bool, console: Console) -> None:
    """Undo :func:`up`: destroy the stack, and remove what ``up`` itself created.

    Raises:
        BootstrapError: as for :func:`up`.
    """
    run = prepare(root, stack, console)
    gone = run.local and run.target.managed and not kind_cluster_exists()
    if not gone:
        check_cluster(run)
    if not stack_exists(run):
        console.print(f"there is no stack {stack} in the state: nothing to destroy")
    elif gone:
        console.print(f"the kind cluster {KIND_CLUSTER!r} is gone, and with it everything that the stack created")
        remove_stack(run)
    else:
        with _operations_ended(run):
            run.execute("pulumi", "destroy", "--stack", stack, *select_stack(run), *(["--yes"] if yes else []))
        if run.state.managed:
            remove_stack(run)
        if not run.local:
            console.print(
                f"a Key Vault with purge protection stays for {run.settings.key_vault.soft_delete_retention_days} days "
                "after its group is deleted: to deploy again before that, set keyVault.recover: true"
            )
    if run.local and run.target.managed and not gone:
        run.execute("kind", "delete", "cluster", "--name", KIND_CLUSTER)


def _operations_ended(run: Run) -> contextlib.AbstractContextManager[None]:
    """Let no sync hold the deletion of a local stack; what is in a cluster of Azure goes with that."""
    if not run.local:
        return contextlib.nullcontext()
    return operations.ended_on_deletion(api_client(run.kubeconfig, run.settings.local.context))


@private_files()
def recover_stack(root: Path, stack: str, *, console: Console) -> Recovered:
    """Make a stack ready for the next update, after a run that died.

    Raises:
        BootstrapError: as for :func:`up`, or the stack cannot be recovered.
    """
    run = prepare(root, stack, console)
    config = select_stack(run)

    def pulumi(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        # these two read no configuration, and have no option for it
        extra = [] if arguments[0] in {"cancel", "stack"} else config
        named = [stack] if arguments[0] == "cancel" else ["--stack", stack]
        command = ["pulumi", "--non-interactive", *arguments, *named, *extra]
        done = subprocess.run(command, cwd=run.root, env=run.environment, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise UpError(f"`pulumi {' '.join(arguments[:2])}` failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done

    return recover(pulumi, report=console.print, kept=[] if run.local else retained(evaluate(root, stack)))


@private_files()
def drift(root: Path, stack: str, *, console: Console) -> bool:
    """Compare a stack with Azure and the cluster, print how they differ from the program, and change nothing.

    Pulumi's automation API tells drift apart from a failure; the CLI's exit status does not.

    Returns:
        Whether anything differs. Node counts and versions that somebody else owns are no drift (decision 9).

    Raises:
        BootstrapError: as for :func:`up`, or the comparison failed.
    """
    run = prepare(root, stack, console)
    check_cluster(run)
    if not stack_exists(run):
        raise UpError(f"there is no stack {stack} in the state: nothing to compare with")
    config = select_stack(run)
    command = PulumiCommand(root=run.cli.folder, skip_version_check=True)

    def show(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    try:
        workspace = LocalWorkspace(work_dir=str(root), env_vars=run.environment, pulumi_command=command)
        compared = Stack.select(stack, workspace).preview(
            refresh=True,
            diff=True,
            suppress_outputs=True,
            config_file=config[-1] if config else None,
            on_output=show,
            on_error=show,
        )
    except CommandError:
        raise UpError("the comparison failed; see above") from None
    return any(count for operation, count in compared.change_summary.items() if operation != OpType.SAME)


def _ask_azure(run: Run) -> None:
    """Run preflight checks, and go no further where one blocks.

    Raises:
        UpError: a check blocks the deployment.
    """
    found = diagnosis.examine(run.root, run.stack, console=run.console)
    diagnosis.print_diagnosis(found, run.console)
    if found.blocked:
        raise UpError(
            "preflight checks failed, see above; nothing was changed. To deploy anyway: "
            f"`make up STACK={run.stack} SKIP_DOCTOR=1`"
        )


@ends_tidily
def _ask_cluster(run: Run) -> None:
    """Run end-to-end checks on the cluster.

    Raises:
        NotServingError: a check failed.
    """
    run.console.print("\n[bold]what the cluster does[/]")
    found = verifying.verify_run(run)
    verification.print_report(found, run.console)
    if found.failed:
        raise NotServingError(
            f"the stack is deployed, but a check failed, see above; `make verify STACK={run.stack}` repeats the checks"
        )


def _update(run: Run, *command: str) -> None:
    """Run an update, and once more for every release that it repaired and left to the next one."""
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-up-") as folder:
        marker = Path(folder) / "again"
        while True:
            try:
                run.execute(*command, more={AGAIN: str(marker)})
            except UpError:
                if not marker.exists():
                    raise
                marker.unlink()
                run.console.print("a release is repaired; the update goes on")
            else:
                return


def _create_kind_cluster(run: Run) -> None:
    folder = run.kubeconfig.parent
    folder.mkdir(exist_ok=True)
    kind = folder / "kind.yaml"
    kind.write_text(kind_config(run.settings.ingress.node_ports), encoding="utf-8")
    options = ["--wait", "120s", "--kubeconfig", str(run.kubeconfig), "--config", str(kind)]
    run.execute("kind", "create", "cluster", "--name", KIND_CLUSTER, *options)
