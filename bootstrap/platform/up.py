"""``bootstrap up`` and ``down``: `pulumi up` and `destroy` with whatever they need found, chosen and said.

Everything is chosen before anything is changed: the Pulumi CLI, the cluster or the sign-in, and where the state is.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi.automation import PulumiCommand
from rich.console import Console

from bootstrap.errors import BootstrapError, MissingToolError
from bootstrap.platform.recover import Recovered, recover
from bootstrap.stackfile import project_backend, read_stack
from settings import Settings, read
from settings.report import SettingsError
from settings.types import Target

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
    own: bool = False
    """Whether ``up`` makes it and ``down`` removes it: a kind cluster, state in the project's folder."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one update works with."""

    root: Path
    stack: str
    settings: Settings
    cli: Choice
    ground: Choice
    """The cluster of a local stack, or the sign-in to Azure."""
    state: Choice
    console: Console

    @property
    def local(self) -> bool:
        """Whether the stack uses a cluster that is there."""
        return self.settings.target is Target.LOCAL

    @property
    def environment(self) -> dict[str, str]:
        """The environment that every command of the run gets."""
        found = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        for choice in (self.cli, self.ground, self.state):
            found |= choice.environment
        return found


def up(root: Path, stack: str, *, yes: bool, console: Console) -> None:
    """Bring a stack up.

    Raises:
        BootstrapError: something is missing (nothing was changed), or Pulumi failed.
    """
    run = prepare(root, stack, console)
    if run.local and run.ground.own and KIND_CLUSTER not in _kind_clusters():
        _call(
            run,
            "kind",
            "create",
            "cluster",
            "--name",
            KIND_CLUSTER,
            "--wait",
            "120s",
            "--kubeconfig",
            run.environment["KUBECONFIG"],
        )
    _same_cluster(run)
    config = _select(run)
    # counts that the autoscaler moved are sent along with every update: without a refresh, those of the last one
    refresh = [] if run.local else ["--refresh"]
    _call(run, "pulumi", "up", "--stack", stack, *config, *refresh, *(["--yes"] if yes else []))


def down(root: Path, stack: str, *, yes: bool, console: Console) -> None:
    """Undo :func:`up`: destroy the stack, and remove what ``up`` itself made.

    Raises:
        BootstrapError: as for :func:`up`.
    """
    run = prepare(root, stack, console)
    gone = run.local and run.ground.own and KIND_CLUSTER not in _kind_clusters()
    if not gone:
        _same_cluster(run)
    if not _stack_exists(run):
        console.print(f"there is no stack {stack} in the state: nothing to destroy")
    elif gone:
        console.print(f"the kind cluster {KIND_CLUSTER!r} is gone, and with it all that the stack made")
        _forget(run)
    else:
        _call(run, "pulumi", "destroy", "--stack", stack, *_select(run), *(["--yes"] if yes else []))
        if run.state.own:
            _forget(run)
        if not run.local:
            console.print(
                f"a Key Vault with purge protection stays for {run.settings.key_vault.soft_delete_retention_days} days "
                "after its group is deleted: to build again before, set keyVault.recover: true"
            )
    if run.local and run.ground.own and not gone:
        _call(run, "kind", "delete", "cluster", "--name", KIND_CLUSTER)


def recover_stack(root: Path, stack: str, *, console: Console) -> Recovered:
    """Make a stack ready for the next update after a run that died.

    Raises:
        BootstrapError: as for :func:`up`, or the stack cannot be recovered.
    """
    run = prepare(root, stack, console)
    config = _select(run)

    def pulumi(*arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        # these two read no configuration, and do not take the option
        extra = [] if arguments[0] in {"cancel", "stack"} else config
        named = [stack] if arguments[0] == "cancel" else ["--stack", stack]
        command = ["pulumi", "--non-interactive", *arguments, *named, *extra]
        done = subprocess.run(  # noqa: S603 - our own command
            command, cwd=run.root, env=run.environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode != 0:
            raise UpError(f"`pulumi {' '.join(arguments[:2])}` failed:\n{(done.stdout + done.stderr)[-2000:]}")
        return done

    return recover(pulumi, say=console.print)


def prepare(root: Path, stack: str, console: Console) -> Run:
    """Choose everything that a run needs, and say it; the CLI is installed where it is missing.

    Raises:
        BootstrapError: something cannot be had; the text says what to do.
    """
    settings = settings_of(root, stack)
    ground = choose_cluster(root, settings) if settings.target is Target.LOCAL else choose_sign_in(settings)
    state = choose_state(root)
    cli = choose_cli(root, console)
    for choice in (cli, ground, state):
        console.print(f"[bold]{choice.what:8}[/] {choice.said}")
    return Run(root=root, stack=stack, settings=settings, cli=cli, ground=ground, state=state, console=console)


def settings_of(root: Path, stack: str) -> Settings:
    """Read and check a stack's settings.

    Raises:
        BootstrapError: the files cannot be read, or break rules.
    """
    config = read_stack(root, stack)
    try:
        return read(config.values, stack=stack, secret=config.secret_keys, spelling=config.spelling, folder=root)
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
        server, _ = _reach(Path(named).expanduser(), settings.local.context)
        return Choice(what="cluster", said=f"{server}, from {named}", environment={"KUBECONFIG": named})
    if shutil.which("kind") and _container_runtime():
        return Choice(
            what="cluster",
            said=f"kind cluster {KIND_CLUSTER!r}, made where it is not there yet",
            environment={"KUBECONFIG": str(root / _TOOLS / "kind.kubeconfig")},
            own=True,
        )
    raise MissingToolError(
        "there is no cluster for the local stack: set KUBECONFIG to one that you may change, "
        "or install kind (https://kind.sigs.k8s.io) and start a container runtime"
    )


def choose_sign_in(settings: Settings) -> Choice:
    """Take the service principal or federated token of the environment, or the Azure CLI's sign-in.

    kubelogin has to be there too: the addons are installed with it, a quarter of an hour into the run.
    """
    login = settings.cluster.kubelogin if settings.cluster else ""
    if shutil.which("kubelogin") is None:
        raise MissingToolError(
            "there is no way into the cluster: install kubelogin (https://azure.github.io/kubelogin/install.html)"
        )
    if login == "azurecli" and shutil.which("az") is None:
        raise MissingToolError(
            "cluster.kubelogin is 'azurecli' and the Azure CLI is not on PATH: install it (https://aka.ms/azure-cli), "
            "or set cluster.kubelogin to workloadidentity, spn or msi"
        )
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
    if url := project_backend(root):
        return Choice(what="state", said=f"{url}, from Pulumi.yaml")
    home = Path(os.environ.get("PULUMI_HOME", "~/.pulumi")).expanduser()
    try:
        current = json.loads((home / "credentials.json").read_text(encoding="utf-8")).get("current")
    except (OSError, ValueError):
        current = None
    if current:
        return Choice(what="state", said=f"{current}, where Pulumi is logged in")
    folder = root / _STATE
    # without metadata=skip every state file has a second one, which a run that dies can leave empty: unreadable state
    environment = {"PULUMI_BACKEND_URL": f"file://{folder}?metadata=skip"}
    if not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"} & set(os.environ):
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(folder / "passphrase")
    return Choice(what="state", said=f"{folder}, as no backend is configured", environment=environment, own=True)


def _select(run: Run) -> list[str]:
    """Create the stack where it is not there, and return the options that name its configuration.

    With state in the project's folder, the salt of its passphrase is kept beside the state: the stack file, which is in
    Git and other people's too, stays as it is.
    """
    tracked = run.root / f"Pulumi.{run.stack}.yaml"
    before = tracked.read_bytes()
    kept = run.root / _STATE / tracked.name
    if run.state.own:
        _make_passphrase(run)
    if not _stack_exists(run):
        _call(run, "pulumi", "stack", "init", run.stack)
        if run.state.own:
            kept.write_bytes(tracked.read_bytes())
            tracked.write_bytes(before)
    if not run.state.own:
        return []
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    salt = [line for line in lines if line.startswith("encryptionsalt:")]
    if not salt:
        raise UpError(f"{kept} is gone, and with it the salt of the state's passphrase: put it back, or start anew")
    ours = [line for line in before.decode().splitlines() if not line.startswith("encryptionsalt:")]
    kept.write_text("\n".join([*ours, *salt, ""]), encoding="utf-8")
    return ["--config-file", str(kept)]


def _same_cluster(run: Run) -> None:
    """Refuse to work on another cluster than the state is of; Pulumi would take one for the other."""
    if not (run.local and run.state.own):
        return
    path = Path(run.environment["KUBECONFIG"]).expanduser()
    server, uid = _reach(path, run.settings.local.context)
    known = run.root / _STATE / f"{run.stack}.cluster"
    if known.exists() and known.read_text(encoding="utf-8") != uid and _stack_exists(run):
        if not run.ground.own:
            raise UpError(
                f"the state in {known.parent} is of another cluster than {server} of {path}: set KUBECONFIG to that "
                f"one, or, where it is gone, forget it with `rm -r {known.parent}`"
            )
        run.console.print(f"the kind cluster {KIND_CLUSTER!r} is another one than before: the old one's state goes")
        _forget(run)
    known.parent.mkdir(exist_ok=True)
    known.write_text(uid, encoding="utf-8")


def _forget(run: Run) -> None:
    """Drop a stack's own state; what it built is gone already."""
    tracked = run.root / f"Pulumi.{run.stack}.yaml"
    _call(run, "pulumi", "stack", "rm", run.stack, "--yes", "--force", "--preserve-config")
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
    # Ctrl-C goes to the whole group: Pulumi ends the operation that it is in, and this waits for it
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        done = subprocess.run(command, cwd=run.root, env=run.environment, check=False)  # noqa: S603 - our own command
    finally:
        signal.signal(signal.SIGINT, before)
    if done.returncode != 0:
        remedy = f"; after a run that died, `make recover STACK={run.stack}`" if command[0] == "pulumi" else ""
        raise UpError(f"`{' '.join(command[:3])}` failed with exit status {done.returncode}; see above{remedy}")


def _reach(kubeconfig: Path, context: str | None) -> tuple[str, str]:
    """Return the API server's address, and what tells its cluster from any other, once it has answered."""
    from kubernetes import client, config  # noqa: PLC0415 - a third of a second that the other paths do not need

    try:
        loaded = config.new_client_from_config(str(kubeconfig), context=context)  # type: ignore[no-untyped-call] # not typed
        server = str(loaded.configuration.host)
    except (config.ConfigException, OSError) as error:
        raise UpError(f"the kubeconfig {kubeconfig} cannot be used: {error}") from None
    try:
        system = client.CoreV1Api(loaded).read_namespace("kube-system", _request_timeout=10)
    except Exception as error:
        # the client's transport has a dozen kinds of failure, and all of them mean this
        raise UpError(f"the API server {server} of {kubeconfig} does not answer ({type(error).__name__})") from None
    return server, str(system.metadata.uid if system.metadata else "")


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
