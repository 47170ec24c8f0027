"""What one run of Pulumi uses, each chosen and printed: the CLI, the cluster or the sign-in, and the state."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi.automation import PulumiCommand
from rich.console import Console

from bootstrap.errors import MissingToolError, UpError
from bootstrap.platform.local_cluster import KIND_CLUSTER, identify, kind_works
from bootstrap.stackfile import read_stack
from components.existing_cluster import expanded
from settings import Settings, read
from settings.report import SettingsError
from settings.state import configured_backend
from settings.types import Target
from settings.words import redact

TOOLS, STATE = ".tools", ".pulumi-state"
"""Folders of the project: programs that ``up`` installs, and state where no backend is configured."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The choice of one thing that a run uses, such as the Pulumi CLI."""

    name: str
    """Label in front of the description: ``pulumi``, ``cluster``, ``azure`` or ``state``."""
    description: str
    """What was chosen and why, as printed."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that select it."""
    url: str = ""
    """Of the backend with the state."""
    folder: str | None = None
    """Where the Pulumi CLI is installed, if it is not on PATH."""
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
    def kubeconfig(self) -> Path:
        """The kubeconfig of a local stack's cluster."""
        return Path(self.target.environment["KUBECONFIG"])

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables of every command of the run."""
        found = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        for choice in (self.cli, self.target, self.state):
            found |= choice.environment
        return found

    def execute(self, *command: str, more: Mapping[str, str] | None = None) -> None:
        """Run a command, whose output is the user's to see, and wait for it.

        Args:
            command: program and arguments.
            more: further environment variables.

        Raises:
            UpError: it failed.
        """
        # Ctrl-C reaches the whole process group: Pulumi stops after the operations in progress, and this waits for it
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            done = subprocess.run(command, cwd=self.root, env={**self.environment, **(more or {})}, check=False)
        finally:
            signal.signal(signal.SIGINT, before)
        if done.returncode != 0:
            remedy = f"; after a run that died, `make recover STACK={self.stack}`" if command[0] == "pulumi" else ""
            raise UpError(f"`{' '.join(command[:3])}` failed with exit status {done.returncode}; see above{remedy}")


def prepare(root: Path, stack: str, console: Console, *, deployed: bool = False) -> Run:
    """Choose and print everything that a run uses; the CLI is installed if it is missing.

    Args:
        root: the project.
        stack: the stack's name.
        console: where the choices are printed.
        deployed: whether the run deploys the stack, so that placeholders are mistakes, and so is production's state on
            this machine's disk.

    Raises:
        BootstrapError: something is missing; the text names the remedy.
    """
    settings = settings_of(root, stack, deployed=deployed, with_state=deployed)
    target = choose_cluster(root, settings) if settings.target is Target.LOCAL else choose_sign_in(settings)
    state = choose_state(root)
    cli = choose_cli(root, console)
    for choice in (cli, target, state):
        console.print(f"[bold]{choice.name:8}[/] {choice.description}")
    return Run(root=root, stack=stack, settings=settings, cli=cli, target=target, state=state, console=console)


def settings_of(root: Path, stack: str, *, deployed: bool = False, with_state: bool = False) -> Settings:
    """Read and validate a stack's settings.

    Args:
        root: the project.
        stack: the stack's name.
        deployed: whether the stack is to be deployed, so that placeholders are mistakes.
        with_state: whether production's state must not be where it would be chosen to be.

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
            backend=choose_state(root).url if with_state else None,
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
    folder = root / TOOLS / "pulumi"
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
        folder=str(folder),
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
        path = expanded(named)
        server, _ = identify(path, settings.local.context)
        return Choice(name="cluster", description=f"{server}, from {named}", environment={"KUBECONFIG": str(path)})
    if kind_works():
        return Choice(
            name="cluster",
            description=f"kind cluster {KIND_CLUSTER!r}, created if it does not exist",
            environment={"KUBECONFIG": str(root / TOOLS / "kind.kubeconfig")},
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
    if found := configured_backend(root, os.environ):
        return Choice(name="state", description=f"{redact(found.url)}, {found.named_by}", url=found.url)
    folder = root / STATE
    # without metadata=skip every state file has a metadata file, and a run that dies can leave that empty, which
    # makes the state unreadable
    url = f"file://{folder}?metadata=skip"
    environment = {"PULUMI_BACKEND_URL": url}
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & set(os.environ):
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(folder / "passphrase")
    return Choice(
        name="state",
        description=f"{folder}, as no backend is configured",
        environment=environment,
        url=url,
        managed=True,
    )
