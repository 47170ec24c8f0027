"""The ``bootstrap`` command: parses, calls one function that returns data, and renders it."""

import gc
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bootstrap import cli_gitops
from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT, Format, result_console

app = typer.Typer(
    name="bootstrap",
    help="The command line around `pulumi` for this project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# the commands around gitops/
app.add_typer(cli_gitops.commands)

StackOption = Annotated[str, typer.Option("--stack", "-s", help="The stack: dev, prod, local, or one of yours.")]

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing anything.")]


@app.callback()
def main_options() -> None:
    """Group the commands."""


@app.command()
def plan(
    stack: StackOption = "dev",
    against: Annotated[
        str | None, typer.Option(metavar="REF", help="Compare with the program at this Git revision.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown (pull requests) or json.")] = (
        Format.TEXT
    ),
    values: Annotated[bool, typer.Option(help="Print every release's final values.")] = False,
) -> None:
    """Show what `pulumi up` would build: no cloud, no credentials, no Pulumi CLI.

    Exit status: 0 nothing changes (or no --against), 2 something changes, 3 something is replaced or removed that
    holds data or serves somebody, 1 an error.
    """
    # the program's modules take a second to import: only for this command
    from bootstrap.plan.against import start  # noqa: PLC0415
    from bootstrap.plan.compare import compare  # noqa: PLC0415
    from bootstrap.plan.evaluate import evaluate  # noqa: PLC0415
    from bootstrap.plan.view import view  # noqa: PLC0415

    pending = start(ROOT, against, stack) if against else None
    now = evaluate(ROOT, stack)
    changes = compare(pending.result(), now) if pending else []
    shown = view(now, against=against, changes=changes)
    if output is Format.JSON:
        typer.echo(json.dumps(shown.to_json(), indent=2))
    elif output is Format.MARKDOWN:
        from bootstrap.plan.markdown import to_markdown  # noqa: PLC0415

        typer.echo(to_markdown(shown), nl=False)
    else:
        from bootstrap.plan.text import print_plan  # noqa: PLC0415

        print_plan(shown, result_console(), values=values)
    raise typer.Exit(shown.exit_status)


@app.command()
def up(stack: StackOption = "local", yes: YesOption = False) -> None:
    """Run `pulumi up` with what it needs found and said: CLI, cluster or sign-in, state."""
    from rich.console import Console  # noqa: PLC0415 - as above

    from bootstrap.up import up as run_up  # noqa: PLC0415

    run_up(ROOT, stack, yes=yes, console=Console(highlight=False, soft_wrap=True))


@app.command()
def down(stack: StackOption = "local", yes: YesOption = False) -> None:
    """Undo `up`: destroy the stack, and remove the cluster and the state where `up` made them."""
    from rich.console import Console  # noqa: PLC0415 - as above

    from bootstrap.up import down as run_down  # noqa: PLC0415

    run_down(ROOT, stack, yes=yes, console=Console(highlight=False, soft_wrap=True))


@app.command()
def recover(stack: StackOption = "local") -> None:
    """After a run that died: remove its lock, and take into the state what it had made. The next `up` goes on."""
    from rich.console import Console  # noqa: PLC0415 - as above

    from bootstrap.up import recover_stack  # noqa: PLC0415

    recover_stack(ROOT, stack, console=Console(highlight=False, soft_wrap=True))


@app.command()
def rehearse(
    stack: StackOption = "dev",
    *,
    rebuild: Annotated[
        bool, typer.Option(help="Then raise the generation, and bring the next cluster up too.")
    ] = False,
    kill_at: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Kill everything at the n-th step, recover, and go on.")
    ] = None,
    seconds_per_minute: Annotated[
        float, typer.Option(min=0, help="Real seconds that stand for a minute in Azure.")
    ] = 1.0,
    charts: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder with the real charts' archives.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown (Mermaid) or json.")] = Format.TEXT,
) -> None:
    """Bring a stack of yours up, or rebuild it, with the real engine and a stand-in for Azure: no subscription.

    Exit status: 0 it came up, 1 it did not.
    """
    from rich.console import Console  # noqa: PLC0415 - as above

    from bootstrap.rehearse import rehearse as run_rehearsal  # noqa: PLC0415
    from rehearsal.timeline import chart, mermaid  # noqa: PLC0415

    console = Console(stderr=output is not Format.TEXT, highlight=False)
    done = run_rehearsal(
        ROOT, stack, rebuild=rebuild, kill_at=kill_at, seconds_per_minute=seconds_per_minute, charts=charts,
        console=console,
    )  # fmt: skip
    if output is Format.JSON:
        typer.echo(json.dumps(done.to_json(), indent=2))
    elif output is Format.MARKDOWN:
        for act in done.acts:
            typer.echo(f"### {act.title}: {act.seconds:.0f} s\n\n```mermaid\n{mermaid(act.spans)}\n```\n")
    else:
        for act in done.acts:
            console.print(f"\n[bold]{act.title}[/]")
            console.print(chart(act.spans))
        minutes, seconds = divmod(done.critical_path_seconds, 60)
        console.print(f"\ncritical path in Azure, {minutes}m {seconds:02}s: {' → '.join(done.critical_path)}")
        console.print(f"{len(done.resources)} resources would be in Azure now; none is, and the rehearsal left nothing")


@app.command()
def adopt(
    stack: StackOption = "dev",
    folder: Annotated[Path, typer.Option(file_okay=False, exists=True, help="Where the import files go.")] = Path(),
) -> None:
    """For the night when the state is lost and the resources are not: write import files, and say what to run."""
    from bootstrap.adopt import adopt as write_down  # noqa: PLC0415 - as above
    from bootstrap.plan.evaluate import evaluate  # noqa: PLC0415

    adoption = write_down(evaluate(ROOT, stack))
    adoption.write(folder)
    typer.echo("in an empty stack, one after the other:")
    for command in adoption.commands(folder):
        typer.echo(f"  {command}")


@app.command()
def promote(
    app_name: Annotated[str, typer.Argument(metavar="APP", help="A folder of gitops/apps.")],
    environment: Annotated[
        str | None, typer.Argument(metavar="ENV", help="The environment, as in its file dev.yaml.")
    ] = None,
    image: Annotated[
        str | None, typer.Argument(metavar="IMAGE", help="The image's tag (a commit SHA) or digest.")
    ] = None,
    *,
    source: Annotated[
        str | None, typer.Option("--from", metavar="ENV", help="Take what this environment runs; needs --to.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--to", metavar="ENV", help="With --from: where to, by a pull request.")
    ] = None,
    pull_request: Annotated[
        bool, typer.Option("--pull-request", help="Open a pull request instead of pushing.")
    ] = False,
    path: Annotated[
        str | None, typer.Option(help="Where in the file; image.tag unless said, image.digest for a digest.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Ask the registry for the image first.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change; write nothing.")] = False,
    expect: Annotated[
        str | None, typer.Option(metavar="VALUE", help="Replace this value only, whichever run put it there.")
    ] = None,
    allow_mutable: Annotated[
        bool, typer.Option("--allow-mutable", help="Take a tag that may be moved to another image.")
    ] = False,
    force_reverted: Annotated[
        bool, typer.Option("--force-reverted", help="Promote again what a revert took back.")
    ] = False,
    source_repository: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the image is built from; a trailer.")
    ] = None,
    source_run: Annotated[
        str | None, typer.Option(metavar="URL", help="The pipeline's run, a trailer; a later run is never undone.")
    ] = None,
    digest: Annotated[str | None, typer.Option(help="The digest that the tag was pushed with; a trailer.")] = None,
    remote: Annotated[str, typer.Option(help="The remote, by its name in the clone or its URL.")] = "origin",
    branch: Annotated[str, typer.Option(help="The branch that Argo CD follows.")] = "main",
    attempts: Annotated[int, typer.Option(help="How often it is tried when others push at the same time.")] = 100,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long it is tried then.")] = 180,
    repository: Annotated[
        Path, typer.Option(help="The project's folder in a clone of the repository; its checkout is not touched.")
    ] = ROOT,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Write an image's tag or digest into an environment's values in Git; Argo CD does the rest.

    `bootstrap promote shop dev 4f2a9c1` pushes one commit; `bootstrap promote shop --from dev --to prod` opens a pull
    request. A run that died, or failed, is safely run again.

    Exit status: 0 promoted, or there already; 1 an error; 2 refused by a rule (a tag that can be moved, an unknown
    application, environment or path, a reverted image); 3 somebody else was first (a later run's promotion, another
    value than --expect, no attempt left); 4 the registry does not have the image.
    """
    from bootstrap.promote.promote import promote as run_promote  # noqa: PLC0415 - as above
    from bootstrap.promote.request import Request  # noqa: PLC0415

    if (source is None) != (target is None) or (target is not None and environment is not None):
        raise BootstrapError("--from and --to go together, and without an environment before them")
    if output is Format.MARKDOWN:
        raise BootstrapError("--format: promote knows text and json")
    result = run_promote(
        repository,
        Request(
            app=app_name,
            environment=target or environment or "",
            value=image,
            source=source,
            path=path,
            remote=remote,
            branch=branch,
            expect=expect,
            pull_request=pull_request or source is not None,
            allow_mutable=allow_mutable,
            force_reverted=force_reverted,
            dry_run=dry_run,
            verify=verify,
            source_repository=source_repository,
            source_run=source_run,
            digest=digest,
            attempts=attempts,
            seconds=timeout,
        ),
    )
    if output is Format.JSON:
        typer.echo(json.dumps(result.to_json(), indent=2))
    else:
        from bootstrap.promote.text import print_result  # noqa: PLC0415

        print_result(result, result_console())


@app.command()
def schema() -> None:
    """Write stack.schema.json, which editors complete and check stack files with, from the settings' models."""
    from bootstrap.schema import write_schema  # noqa: PLC0415 - as above

    typer.echo(f"wrote {write_schema(ROOT).relative_to(ROOT)}")


def main() -> None:
    """Run the command line; an error is one message and an exit status, never a traceback."""
    sys.path.insert(0, str(ROOT))
    try:
        # by itself Typer ends with 2 after a wrong option, which here says that something changes
        status = app(standalone_mode=False)
    except typer.TyperException as error:
        typer.secho(f"error: {error.format_message()} (see `bootstrap --help`)", fg=typer.colors.RED, err=True)
        status = 1
    except typer.Abort:
        status = 1
    except BootstrapError as error:
        typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
        status = error.exit_code
    gc.freeze()  # the SDKs' classes are not looked through as the process ends: half a second of `plan`
    raise SystemExit(status or 0)
