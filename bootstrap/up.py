"""``bootstrap up`` and ``down``: `pulumi up` and `destroy` with whatever they need found, chosen and said.

Everything is chosen before anything is changed: the Pulumi CLI, the cluster or the sign-in, and where the state is.
"""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi.automation import PulumiCommand
from rich.console import Console

from bootstrap.errors import BootstrapError, MissingToolError
from bootstrap.stackfile import read_stack
from settings import Settings, parse
from stackconfig.errors import NAMESPACE, SettingsError
from stackconfig.types import Target

KIND_CLUSTER = "aks-bootstrap"
_TOOLS, _STATE = ".tools", ".pulumi-state"


class UpError(BootstrapError):
    """An update cannot start, or failed; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One thing that a run needs, and how it is had."""

    what: str
    said: str
    """As the user reads it."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the run's environment gains."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one update works with."""

    root: Path
    stack: str
    choices: tuple[Choice, ...]
    own_kind: bool
    """Whether the cluster is the one that kind makes here."""
    own_state: bool
    """Whether the state is in the project's folder."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment that every command of the run gets."""
        found = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        for choice in self.choices:
            found |= choice.environment
        return found


def up(root: Path, stack: str, *, yes: bool, console: Console) -> None:
    """Bring a stack up.

    Raises:
        BootstrapError: something is missing (nothing was changed), or Pulumi failed.
    """
    run = prepare(root, stack, console)
    if run.own_kind and KIND_CLUSTER not in _kind_clusters():
        _call(run, "kind", "create", "cluster", "--name", KIND_CLUSTER, "--wait", "120s",
              "--kubeconfig", run.environment["KUBECONFIG"])  # fmt: skip
    config = _select(run)
    _call(run, "pulumi", "up", "--stack", stack, *config, *(["--yes"] if yes else []))


def down(root: Path, stack: str, *, yes: bool, console: Console) -> None:
    """Undo :func:`up`: destroy the stack, and remove what ``up`` itself made.

    Raises:
        BootstrapError: as for :func:`up`.
    """
    run = prepare(root, stack, console)
    config = _select(run)
    _call(run, "pulumi", "destroy", "--stack", stack, *config, *(["--yes"] if yes else []))
    if run.own_state:
        _call(run, "pulumi", "stack", "rm", stack, "--yes", "--preserve-config")
        (root / _STATE / f"Pulumi.{stack}.yaml").unlink(missing_ok=True)
    if run.own_kind:
        _call(run, "kind", "delete", "cluster", "--name", KIND_CLUSTER)


def prepare(root: Path, stack: str, console: Console) -> Run:
    """Choose everything that a run needs, and say it; the CLI is installed where it is missing.

    Raises:
        BootstrapError: something cannot be had; the text says what to do.
    """
    settings = settings_of(root, stack)
    ground = choose_cluster(root, settings) if settings.target is Target.LOCAL else choose_sign_in()
    state = choose_state(root)
    choices = (choose_cli(root, console), ground, state)
    for choice in choices:
        console.print(f"[bold]{choice.what:8}[/] {choice.said}")
    return Run(
        root=root,
        stack=stack,
        choices=choices,
        own_kind="kind" in ground.said.split(),
        own_state="PULUMI_BACKEND_URL" in state.environment,
    )


def settings_of(root: Path, stack: str) -> Settings:
    """Read and check a stack's settings.

    Raises:
        BootstrapError: the files cannot be read, or break rules.
    """
    prefix = f"{NAMESPACE}:"
    values = read_stack(root, stack).values
    try:
        return parse({key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)})
    except SettingsError as error:
        raise UpError(str(error)) from None


def choose_cli(root: Path, console: Console) -> Choice:
    """Take the Pulumi CLI from PATH, or install the SDK's version into the project's folder."""
    if found := shutil.which("pulumi"):
        return Choice(what="pulumi", said=f"{found}, from PATH")
    folder = root / _TOOLS / "pulumi"
    if not (folder / "bin" / "pulumi").exists():
        console.print(f"installing the Pulumi CLI into {folder.relative_to(root)} ...")
    try:
        PulumiCommand.install(root=str(folder))
    except Exception as error:
        # the installer downloads a script and runs it: whatever goes wrong there means the same to the user
        raise MissingToolError(
            f"the Pulumi CLI is not on PATH and could not be installed ({type(error).__name__}); "
            "install it from https://www.pulumi.com/docs/iac/download-install/ and run this again"
        ) from None
    return Choice(
        what="pulumi",
        said=f"{folder / 'bin' / 'pulumi'}, installed for this project",
        environment={"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
    )


def choose_cluster(root: Path, settings: Settings) -> Choice:
    """Take the cluster that the stack file or KUBECONFIG names, or make one with kind.

    ~/.kube/config is not taken by itself: its current context may be anything.
    """
    named = settings.local.kubeconfig or os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    if named:
        server = _reach(Path(named).expanduser(), settings.local.context)
        return Choice(what="cluster", said=f"{server}, from {named}", environment={"KUBECONFIG": named})
    if shutil.which("kind") and _container_runtime():
        return Choice(
            what="cluster",
            said=f"kind cluster {KIND_CLUSTER!r}, made where it is not there yet",
            environment={"KUBECONFIG": str(root / _TOOLS / "kind.kubeconfig")},
        )
    raise MissingToolError(
        "there is no cluster for the local stack: set KUBECONFIG to one that you may change, "
        "or install kind (https://kind.sigs.k8s.io) and start a container runtime"
    )


def choose_sign_in() -> Choice:
    """Take the service principal or federated token of the environment, or the Azure CLI's sign-in."""
    if os.environ.get("ARM_CLIENT_ID"):
        return Choice(what="azure", said="ARM_CLIENT_ID, from the environment")
    if shutil.which("az") is None:
        raise MissingToolError(
            "there is no sign-in to Azure: install the Azure CLI (https://aka.ms/azure-cli) and run `az login`, "
            "or set ARM_CLIENT_ID and what goes with it"
        )
    shown = subprocess.run(
        ["az", "account", "show", "--query", "user.name", "--output", "tsv"],  # noqa: S607 - the user's own az
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode != 0:
        raise MissingToolError("the Azure CLI is not signed in: run `az login`")
    return Choice(what="azure", said=f"{shown.stdout.strip()}, signed in with the Azure CLI")


def choose_state(root: Path) -> Choice:
    """Take the backend that Pulumi is configured for, or a folder of the project."""
    if url := os.environ.get("PULUMI_BACKEND_URL"):
        return Choice(what="state", said=f"{url}, from PULUMI_BACKEND_URL")
    home = Path(os.environ.get("PULUMI_HOME", "~/.pulumi")).expanduser()
    try:
        current = json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current")
    except (OSError, ValueError):
        current = None
    if current:
        return Choice(what="state", said=f"{current}, where Pulumi is logged in")
    folder = root / _STATE
    environment = {"PULUMI_BACKEND_URL": f"file://{folder}"}
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & set(os.environ):
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(folder / "passphrase")
    return Choice(what="state", said=f"{folder}, as no backend is configured", environment=environment)


def _select(run: Run) -> list[str]:
    """Create the stack where it is not there, and return the options that name its configuration.

    With state in the project's folder, the salt of its passphrase is kept beside the state: the stack file, which is in
    Git and other people's too, stays as it is.
    """
    tracked = run.root / f"Pulumi.{run.stack}.yaml"
    before = tracked.read_bytes()
    kept = run.root / _STATE / tracked.name
    if run.own_state:
        _make_passphrase(run)
    if not _stack_exists(run):
        _call(run, "pulumi", "stack", "init", run.stack)
        if run.own_state:
            kept.write_bytes(tracked.read_bytes())
            tracked.write_bytes(before)
    if not run.own_state:
        return []
    salt = [line for line in kept.read_text(encoding="utf-8").splitlines() if line.startswith("encryptionsalt:")]
    kept.write_text(before.decode() + "\n".join(["", *salt, ""]), encoding="utf-8")
    return ["--config-file", str(kept)]


def _make_passphrase(run: Run) -> None:
    (run.root / _STATE).mkdir(exist_ok=True)
    path = Path(run.environment.get("PULUMI_CONFIG_PASSPHRASE_FILE", ""))
    if path.parent == run.root / _STATE and not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="utf-8")


def _stack_exists(run: Run) -> bool:
    listed = subprocess.run(
        ["pulumi", "stack", "ls", "--json"],  # noqa: S607 - the one that was chosen
        cwd=run.root,
        env=run.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        raise UpError(f"the state cannot be read: {listed.stderr.strip()}")
    return run.stack in {found["name"].rsplit("/", 1)[-1] for found in json.loads(listed.stdout)}


def _call(run: Run, *command: str) -> None:
    done = subprocess.run(command, cwd=run.root, env=run.environment, check=False)  # noqa: S603 - our own command
    if done.returncode != 0:
        raise UpError(f"`{' '.join(command[:3])}` failed with exit status {done.returncode}; see above")


def _reach(kubeconfig: Path, context: str | None) -> str:
    """Return the API server's address, once it has answered."""
    from kubernetes import client, config  # noqa: PLC0415 - a third of a second that the other paths do not need

    try:
        loaded = config.new_client_from_config(str(kubeconfig), context=context)  # type: ignore[no-untyped-call] # not typed
        server = str(loaded.configuration.host)
    except (config.ConfigException, OSError) as error:
        raise UpError(f"the kubeconfig {kubeconfig} cannot be used: {error}") from None
    try:
        client.VersionApi(loaded).get_code(_request_timeout=10)
    except Exception as error:
        # the client's transport has a dozen kinds of failure, and all of them mean this
        raise UpError(f"the API server {server} of {kubeconfig} does not answer ({type(error).__name__})") from None
    return server


def _container_runtime() -> bool:
    return any(
        shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0  # noqa: S603 - a fixed name
        for name in ("docker", "podman", "nerdctl")
    )


def _kind_clusters() -> list[str]:
    listed = subprocess.run(
        ["kind", "get", "clusters"],  # noqa: S607 - the user's own kind
        capture_output=True,
        text=True,
        check=False,
    )
    return listed.stdout.split()
