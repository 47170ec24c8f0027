"""A run's stack in the state: created, selected with its configuration, held to one cluster, and removed."""

import json
import secrets
import subprocess
from pathlib import Path

from bootstrap.errors import UpError
from bootstrap.platform.local_cluster import KIND_CLUSTER, identify
from bootstrap.platform.run import STATE, Run


def select_stack(run: Run) -> list[str]:
    """Create the stack if it does not exist, and return the options that select its configuration file.

    With state in the project's folder, the salt of its passphrase is stored next to the state, in a copy of the stack
    file: the stack file itself is shared through Git, and is not changed.
    """
    tracked = run.root / f"Pulumi.{run.stack}.yaml"
    before = tracked.read_bytes()
    kept = run.root / STATE / tracked.name
    if run.state.managed:
        _make_passphrase(run)
    if not stack_exists(run):
        run.execute("pulumi", "stack", "init", run.stack)
        if run.state.managed:
            kept.write_bytes(tracked.read_bytes())
            tracked.write_bytes(before)
    if not run.state.managed:
        return []
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    salt = [line for line in lines if line.startswith("encryptionsalt:")]
    if not salt:
        raise UpError(
            f"{kept} is gone, and with it the salt of the state's passphrase: restore it, or start with an empty state"
        )
    ours = [line for line in before.decode().splitlines() if not line.startswith("encryptionsalt:")]
    kept.write_text("\n".join([*ours, *salt, ""]), encoding="utf-8")
    return ["--config-file", str(kept)]


def check_cluster(run: Run) -> None:
    """Refuse to deploy to another cluster than the state describes; Pulumi would not notice the difference.

    Raises:
        UpError: it is another cluster; the text names the remedy.
    """
    if not (run.local and run.state.managed):
        return
    path = run.kubeconfig
    server, uid = identify(path, run.settings.local.context)
    known = run.root / STATE / f"{run.stack}.cluster"
    if known.exists() and known.read_text(encoding="utf-8") != uid and stack_exists(run):
        if not run.target.managed:
            raise UpError(
                f"the state in {known.parent} is of another cluster than {server} of {path}: set KUBECONFIG to that "
                f"cluster, or, if it no longer exists, discard the state with `rm -r {known.parent}`"
            )
        run.console.print(f"the kind cluster {KIND_CLUSTER!r} is not the one of the last run: its state is discarded")
        remove_stack(run)
    _make_folder(run)
    known.write_text(uid, encoding="utf-8")


def remove_stack(run: Run) -> None:
    """Remove a stack whose resources no longer exist from the state in the project's folder."""
    tracked = run.root / f"Pulumi.{run.stack}.yaml"
    run.execute("pulumi", "stack", "rm", run.stack, "--yes", "--force", "--preserve-config")
    (run.root / STATE / tracked.name).unlink(missing_ok=True)
    (run.root / STATE / f"{run.stack}.cluster").unlink(missing_ok=True)


def _make_folder(run: Run) -> None:
    """Make the state's folder, which nobody else may look into: one from before may be open."""
    folder = run.root / STATE
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)


def _make_passphrase(run: Run) -> None:
    _make_folder(run)
    path = Path(run.environment.get("PULUMI_CONFIG_PASSPHRASE_FILE", ""))
    if path.parent == run.root / STATE and not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="utf-8")


def stack_exists(run: Run) -> bool:
    """Return whether the state has the stack.

    Raises:
        UpError: the state cannot be read.
    """
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
