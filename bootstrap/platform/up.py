"""``bootstrap up`` and ``down``: `pulumi up` and `destroy`, after choosing and printing what they use.

The Pulumi CLI, the cluster or the sign-in, and the state's backend are chosen before anything is changed.
"""

from startup import on_demand

import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi.automation import PulumiCommand
from rich.console import Console
from rich.markup import escape

from bootstrap.errors import BootstrapError, MissingToolError
from bootstrap.platform.recover import Recovered, recover
from bootstrap.stackfile import project_backend, read_stack
from settings import Settings, read
from settings.report import SettingsError
from settings.types import Target

if TYPE_CHECKING:
    from kubernetes import client, config

    from bootstrap.platform import reach
else:  # a third of a second that only a local stack needs
    client, config = on_demand("kubernetes.client"), on_demand("kubernetes.config")
    reach = on_demand("bootstrap.platform.reach")

KIND_CLUSTER = "aks-bootstrap"
_TOOLS, _STATE = ".tools", ".pulumi-state"


class UpError(BootstrapError):
    """An update cannot start, or failed; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The choice of one thing that a run uses, such as the Pulumi CLI."""

    name: str
    """Label in front of the description: ``pulumi``, ``cluster``, ``azure`` or ``state``."""
    description: str
    """What was chosen and why, as printed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that select it."""
    managed: bool = False
    """Whether ``up`` creates it and ``down`` removes it: a kind cluster, state in the project's folder."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Everything that one update uses."""

    root: Path
    stack: str
    settings: Settings
    cli: Choice
    target: Choice
    """The cluster of a local stack, or the sign-in to Azure."""
    state: Choice
    console: Console

    @property
    def local(self) -> bool:
        """Whether the stack's target is an existing cluster, not Azure."""
        return self.settings.target is Target.LOCAL

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of every command of the run."""
        found = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        for choice in (self.cli, self.target, self.state):
            found |= choice.environment
        return found


def up(root: Path, stack: str, *, yes: bool, console: Console) -> None:
    """Deploy a stack, and create the kind cluster of a local one if it does not exist.

    Raises:
        BootstrapError: something is missing (nothing was changed), or Pulumi failed.
    """
    settings_of(root, stack, deployed=True)
    run = prepare(root, stack, console)
    if run.local and run.target.managed and KIND_CLUSTER not in _kind_clusters():
        _create_kind_cluster(run)
    _check_cluster(run)
    config = _select_stack(run)
    # every update sends the node counts in the state: without a refresh, those from before the autoscaler's changes
    refresh = [] if run.local else ["--refresh"]
    _execute(run, "pulumi", "up", "--stack", stack, *config, *refresh, *(["--yes"] if yes else []))
    if run.local:
        kubeconfig = Path(run.environment["KUBECONFIG"]).expanduser()
        found = reach.entry(_api(kubeconfig, run.settings.local.context), mapped=run.target.managed)
        console.print("\n[bold]Argo CD[/]")
        for word, text in reach.directions(run.settings, kubeconfig, found):
            console.print(f"[bold]{word:8}[/] {escape(text)}", soft_wrap=True, highlight=False)


def down(root: Path, stack: str, *, yes: bool, console: Console) -> None:
    """Undo :func:`up`: destroy the stack, and remove what ``up`` itself created.

    Raises:
        BootstrapError: as for :func:`up`.
    """
    run = prepare(root, stack, console)
    gone = run.local and run.target.managed and KIND_CLUSTER not in _kind_clusters()
    if not gone:
        _check_cluster(run)
    if not _stack_exists(run):
        console.print(f"there is no stack {stack} in the state: nothing to destroy")
    elif gone:
        console.print(f"the kind cluster {KIND_CLUSTER!r} is gone, and with it everything that the stack created")
        _remove_stack(run)
    else:
        _execute(run, "pulumi", "destroy", "--stack", stack, *_select_stack(run), *(["--yes"] if yes else []))
        if run.state.managed:
            _remove_stack(run)
        if not run.local:
            console.print(
                f"a Key Vault with purge protection stays for {run.settings.key_vault.soft_delete_retention_days} days "
                "after its group is deleted: to deploy again before that, set keyVault.recover: true"
            )
    if run.local and run.target.managed and not gone:
        _execute(run, "kind", "delete", "cluster", "--name", KIND_CLUSTER)


def recover_stack(root: Path, stack: str, *, console: Console) -> Recovered:
    """Make a stack ready for the next update, after a run that died.

    Raises:
        BootstrapError: as for :func:`up`, or the stack cannot be recovered.
    """
    run = prepare(root, stack, console)
    config = _select_stack(run)

    def pulumi(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        # these two read no configuration, and have no option for it
        extra = [] if arguments[0] in {"cancel", "stack"} else config
        named = [stack] if arguments[0] == "cancel" else ["--stack", stack]
        command = ["pulumi", "--non-interactive", *arguments, *named, *extra]
        done = subprocess.run(command, cwd=run.root, env=run.environment, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise UpError(f"`pulumi {' '.join(arguments[:2])}` failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done

    return recover(pulumi, report=console.print)


def prepare(root: Path, stack: str, console: Console) -> Run:
    """Choose and print everything that a run uses; the CLI is installed if it is missing.

    Raises:
        BootstrapError: something is missing; the text names the remedy.
    """
    settings = settings_of(root, stack)
    target = choose_cluster(root, settings) if settings.target is Target.LOCAL else choose_sign_in(settings)
    state = choose_state(root)
    cli = choose_cli(root, console)
    for choice in (cli, target, state):
        console.print(f"[bold]{choice.name:8}[/] {choice.description}")
    return Run(root=root, stack=stack, settings=settings, cli=cli, target=target, state=state, console=console)


def settings_of(root: Path, stack: str, *, deployed: bool = False) -> Settings:
    """Read and validate a stack's settings.

    Args:
        root: the project.
        stack: the stack's name.
        deployed: whether the stack is to be deployed, so that placeholders are mistakes.

    Raises:
        BootstrapError: the files cannot be read, or a setting is invalid.
    """
    config = read_stack(root, stack)
    try:
        return read(
            config.values,
            stack=stack,
            secret=config.secret_keys,
            spelling=config.spelling,
            folder=root,
            deployed=deployed,
        )
    except SettingsError as error:
        raise UpError(str(error)) from None


def choose_cli(root: Path, console: Console) -> Choice:
    """Choose the Pulumi CLI on PATH, or install the SDK's version into the project's folder.

    Raises:
        MissingToolError: it cannot be installed.
    """
    if found := shutil.which("pulumi"):
        return Choice(name="pulumi", description=f"{found}, from PATH")
    folder = root / _TOOLS / "pulumi"
    if not (folder / "bin" / "pulumi").exists():
        console.print(f"installing the Pulumi CLI into {folder.relative_to(root)} ...")
    try:
        PulumiCommand.install(root=str(folder))
    except Exception as error:
        # the installer downloads and runs a script: every failure of that has the same remedy
        raise MissingToolError(
            f"the Pulumi CLI is not on PATH and could not be installed ({type(error).__name__}); "
            "install it from https://www.pulumi.com/docs/iac/download-install/ and run this again"
        ) from None
    return Choice(
        name="pulumi",
        description=f"{folder / 'bin' / 'pulumi'}, installed for this project",
        environment={"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
    )


def choose_cluster(root: Path, settings: Settings) -> Choice:
    """Choose the cluster that the stack file or KUBECONFIG names, or a kind cluster.

    ~/.kube/config is never used by default: its current context may be any cluster.

    Raises:
        UpError: the kubeconfig cannot be used, or its API server does not answer.
        MissingToolError: there is no cluster, and no way to create one.
    """
    named = settings.local.kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    if named:
        server, _ = _identify_cluster(Path(named).expanduser(), settings.local.context)
        return Choice(name="cluster", description=f"{server}, from {named}", environment={"KUBECONFIG": named})
    if shutil.which("kind") and _container_runtime():
        return Choice(
            name="cluster",
            description=f"kind cluster {KIND_CLUSTER!r}, created if it does not exist",
            environment={"KUBECONFIG": str(root / _TOOLS / "kind.kubeconfig")},
            managed=True,
        )
    raise MissingToolError(
        "there is no cluster for the local stack: set KUBECONFIG to one that you may change, "
        "or install kind (https://kind.sigs.k8s.io) and start a container runtime"
    )


def choose_sign_in(settings: Settings) -> Choice:
    """Choose the service principal or federated token in the environment, or the Azure CLI's sign-in.

    kubelogin is required too: the addons are installed through it, a quarter of an hour into the run.

    Raises:
        MissingToolError: a program is missing, or the Azure CLI is not signed in.
    """
    login = settings.cluster.kubelogin if settings.cluster else ""
    if shutil.which("kubelogin") is None:
        raise MissingToolError(
            "there is no way to sign in to the cluster: install kubelogin (https://azure.github.io/kubelogin/install.html)"
        )
    if login == "azurecli" and shutil.which("az") is None:
        raise MissingToolError(
            "cluster.kubelogin is 'azurecli' and the Azure CLI is not on PATH: install it (https://aka.ms/azure-cli), "
            "or set cluster.kubelogin to workloadidentity, spn or msi"
        )
    if os.environ.get("ARM_CLIENT_ID"):
        return Choice(name="azure", description="ARM_CLIENT_ID, from the environment")
    if shutil.which("az") is None:
        raise MissingToolError(
            "there is no sign-in to Azure: install the Azure CLI (https://aka.ms/azure-cli) and run `az login`, "
            "or set ARM_CLIENT_ID and the variables that go with it"
        )
    shown = subprocess.run(
        ["az", "account", "show", "--query", "user.name", "--output", "tsv"],
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode != 0:
        raise MissingToolError("the Azure CLI is not signed in: run `az login`")
    return Choice(name="azure", description=f"{shown.stdout.strip()}, signed in with the Azure CLI")


def choose_state(root: Path) -> Choice:
    """Choose the backend that Pulumi is configured for, or a folder of the project."""
    if url := os.environ.get("PULUMI_BACKEND_URL"):
        return Choice(name="state", description=f"{url}, from PULUMI_BACKEND_URL")
    if url := project_backend(root):
        return Choice(name="state", description=f"{url}, from Pulumi.yaml")
    home = Path(os.environ.get("PULUMI_HOME", "~/.pulumi")).expanduser()
    try:
        current = json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current")
    except (OSError, ValueError):
        current = None
    if current:
        return Choice(name="state", description=f"{current}, where Pulumi is logged in")
    folder = root / _STATE
    # without metadata=skip every state file has a metadata file, and a run that dies can leave that empty, which
    # makes the state unreadable
    environment = {"PULUMI_BACKEND_URL": f"file://{folder}?metadata=skip"}
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & set(os.environ):
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(folder / "passphrase")
    return Choice(
        name="state", description=f"{folder}, as no backend is configured", environment=environment, managed=True
    )


def _select_stack(run: Run) -> list[str]:
    """Create the stack if it does not exist, and return the options that select its configuration file.

    With state in the project's folder, the salt of its passphrase is stored next to the state, in a copy of the stack
    file: the stack file itself is shared through Git, and is not changed.
    """
    tracked = run.root / f"Pulumi.{run.stack}.yaml"
    before = tracked.read_bytes()
    kept = run.root / _STATE / tracked.name
    if run.state.managed:
        _make_passphrase(run)
    if not _stack_exists(run):
        _execute(run, "pulumi", "stack", "init", run.stack)
        if run.state.managed:
            kept.write_bytes(tracked.read_bytes())
            tracked.write_bytes(before)
    if not run.state.managed:
        return []
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    salt = [line for line in lines if line.startswith("encryptionsalt:")]
    if not salt:
        raise UpError(f"{kept} is gone, and with it the salt of the state's passphrase: restore it, or start anew")
    ours = [line for line in before.decode().splitlines() if not line.startswith("encryptionsalt:")]
    kept.write_text("\n".join([*ours, *salt, ""]), encoding="utf-8")
    return ["--config-file", str(kept)]


def _create_kind_cluster(run: Run) -> None:
    folder = Path(run.environment["KUBECONFIG"]).parent
    folder.mkdir(exist_ok=True)
    kind = folder / "kind.yaml"
    kind.write_text(reach.kind_config(run.settings.ingress.node_ports), encoding="utf-8")
    options = ["--wait", "120s", "--kubeconfig", run.environment["KUBECONFIG"], "--config", str(kind)]
    _execute(run, "kind", "create", "cluster", "--name", KIND_CLUSTER, *options)


def _check_cluster(run: Run) -> None:
    """Refuse to deploy to another cluster than the state describes; Pulumi would not notice the difference.

    Raises:
        UpError: it is another cluster; the text names the remedy.
    """
    if not (run.local and run.state.managed):
        return
    path = Path(run.environment["KUBECONFIG"]).expanduser()
    server, uid = _identify_cluster(path, run.settings.local.context)
    known = run.root / _STATE / f"{run.stack}.cluster"
    if known.exists() and known.read_text(encoding="utf-8") != uid and _stack_exists(run):
        if not run.target.managed:
            raise UpError(
                f"the state in {known.parent} is of another cluster than {server} of {path}: set KUBECONFIG to that "
                f"cluster, or, if it no longer exists, discard the state with `rm -r {known.parent}`"
            )
        run.console.print(f"the kind cluster {KIND_CLUSTER!r} is not the one of the last run: its state is discarded")
        _remove_stack(run)
    known.parent.mkdir(exist_ok=True)
    known.write_text(uid, encoding="utf-8")


def _remove_stack(run: Run) -> None:
    """Remove a stack whose resources no longer exist from the state in the project's folder."""
    tracked = run.root / f"Pulumi.{run.stack}.yaml"
    _execute(run, "pulumi", "stack", "rm", run.stack, "--yes", "--force", "--preserve-config")
    (run.root / _STATE / tracked.name).unlink(missing_ok=True)
    (run.root / _STATE / f"{run.stack}.cluster").unlink(missing_ok=True)


def _make_passphrase(run: Run) -> None:
    (run.root / _STATE).mkdir(exist_ok=True)
    path = Path(run.environment.get("PULUMI_CONFIG_PASSPHRASE_FILE", ""))
    if path.parent == run.root / _STATE and not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="utf-8")


def _stack_exists(run: Run) -> bool:
    listed = subprocess.run(
        ["pulumi", "stack", "ls", "--json"],
        cwd=run.root,
        env=run.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        raise UpError(f"the state cannot be read: {listed.stderr.strip()}")
    return run.stack in {found["name"].rsplit("/", 1)[-1] for found in json.loads(listed.stdout)}


def _execute(run: Run, *command: str) -> None:
    # Ctrl-C reaches the whole process group: Pulumi stops after the operations in progress, and this waits for it
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        done = subprocess.run(command, cwd=run.root, env=run.environment, check=False)
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode != 0:
        remedy = f"; after a run that died, `make recover STACK={run.stack}`" if command[0] == "pulumi" else ""
        raise UpError(f"`{' '.join(command[:3])}` failed with exit status {done.returncode}; see above{remedy}")


def _identify_cluster(kubeconfig: Path, context: str | None) -> tuple[str, str]:
    """Return the address of a kubeconfig's API server, and the cluster's uid (that of namespace kube-system).

    Raises:
        UpError: the kubeconfig cannot be used, or the API server does not answer.
    """
    loaded = _api(kubeconfig, context)
    server = str(loaded.configuration.host)
    try:
        system = client.CoreV1Api(loaded).read_namespace("kube-system", _request_timeout=10)
    except Exception as error:
        # the client's transport has a dozen exceptions, and all of them mean this
        raise UpError(f"the API server {server} of {kubeconfig} does not answer ({type(error).__name__})") from None
    return server, str(system.metadata.uid if system.metadata else "")


def _api(kubeconfig: Path, context: str | None) -> client.ApiClient:
    try:
        found: client.ApiClient = config.new_client_from_config(str(kubeconfig), context=context)  # type: ignore[no-untyped-call] # not typed
    except (config.ConfigException, OSError) as error:
        raise UpError(f"the kubeconfig {kubeconfig} cannot be used: {error}") from None
    return found


def _container_runtime() -> bool:
    return any(
        shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0
        for name in ("docker", "podman", "nerdctl")
    )


def _kind_clusters() -> list[str]:
    listed = subprocess.run(
        ["kind", "get", "clusters"],
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.split()
