"""The commands around ``gitops/``: render, overlay, validate, app."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT, Format, result_console

if TYPE_CHECKING:
    from bootstrap.new_app import Made

commands = typer.Typer()
apps = typer.Typer(help="Add applications and environments.", no_args_is_help=True)
commands.add_typer(apps, name="app")

DIRTY = 2
"""How a command ends that found something; 1 is an error."""


@commands.command()
def render(
    app_name: Annotated[
        str | None, typer.Argument(metavar="[APP]", help="An application; root for the Applications themselves.")
    ] = None,
    environment: Annotated[str | None, typer.Argument(metavar="[ENV]", help="dev, prod, local, or yours.")] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every application in every environment, and the Applications themselves.")
    ] = False,
    against: Annotated[
        str | None, typer.Option(metavar="REF", help="Show what differs from this Git revision, object by object.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Compare with the cluster. Only reads; looks only at what is rendered.")
    ] = False,
    kubeconfig: Annotated[Path | None, typer.Option(help="For --live; KUBECONFIG when left out.")] = None,
    context: Annotated[str | None, typer.Option(help="For --live: a context of the kubeconfig.")] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown (pull requests) or json.")] = (
        Format.TEXT
    ),
) -> None:
    """Show what Argo CD would apply: the same chart, values, release, namespace and Kubernetes version.

    Not shown is what Argo CD adds itself: the tracking annotation, and the namespace with its labels.

    Exit status: 0 nothing differs (or nothing was compared), 2 something differs from --against or in the cluster,
    1 an error.
    """
    from bootstrap.render import compare as comparison  # noqa: PLC0415 - imports only what the command needs
    from bootstrap.render import render as rendering  # noqa: PLC0415
    from bootstrap.render.live import Cluster, compare_live  # noqa: PLC0415
    from bootstrap.render.output import View, print_view, to_markdown  # noqa: PLC0415

    if everything == (app_name is not None) or (app_name is None) != (environment is None):
        raise BootstrapError("name an application and an environment, or say --all")
    if live and everything:
        raise BootstrapError("--live compares with one cluster, which is one environment's: name both")
    wanted = None if everything else [(str(app_name), str(environment))]
    rendered = rendering.render_several(ROOT, wanted or rendering.everything(ROOT))
    changes = comparison.compare(comparison.render_at(ROOT, against, wanted), rendered) if against else []
    view = View(rendered=rendered, against=against, changes=changes)
    if live:
        with Cluster(kubeconfig, context) as cluster:
            view = replace(view, server=cluster.server, drift=compare_live(rendered, cluster))
    if output is Format.JSON:
        typer.echo(json.dumps(view.to_json(), indent=2, default=str))
    elif output is Format.MARKDOWN:
        typer.echo(to_markdown(view))
    else:
        print_view(view, result_console())
    raise typer.Exit(view.exit_status)


@commands.command()
def overlay(
    app_names: Annotated[list[str] | None, typer.Argument(metavar="[APP]...", help="All when left out.")] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="End with 2 when something is found.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what leaves every environment's objects as they are, to the byte.")
    ] = False,
    history: Annotated[
        str, typer.Option(metavar="REF", help="Whose history says what ran; in a pull request: origin/main.")
    ] = "HEAD",
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Find where environments drift apart by accident; gitops/overlay.yaml says where they may differ.

    Redundant: an environment repeats the base or the chart's default. Common: environments say alike what belongs in
    the base. Unread: no template reads a value. Unexpected: environments differ where they should not. Never-ran: an
    image that dev never ran is in prod.

    Exit status: 0 clean, or found without --check; 2 found (what --fix left of it), with --check; 1 an error.
    """
    from bootstrap.overlay.check import check as run_check  # noqa: PLC0415 - as above
    from bootstrap.overlay.check import print_report  # noqa: PLC0415

    if output is Format.MARKDOWN:
        raise BootstrapError("--format: overlay knows text and json")
    report = run_check(ROOT, app_names or None, mend=fix, history=history)
    if output is Format.JSON:
        typer.echo(json.dumps(report.to_json(), indent=2))
    else:
        print_report(report, result_console())
    raise typer.Exit(DIRTY if check and report.findings else 0)


@commands.command()
def validate(
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Check gitops/ as a pull request has to pass it: no cluster, no network.

    Every Application and project against the rules of the house, every rendered object against Kubernetes' own types
    (unknown fields are mistakes) and against its project, and no Secret in Git.

    Exit status: 0 clean, 2 something is wrong, 1 an error.
    """
    from bootstrap.validate.validate import print_report  # noqa: PLC0415 - as above
    from bootstrap.validate.validate import validate as run_validate  # noqa: PLC0415

    if output is Format.MARKDOWN:
        raise BootstrapError("--format: validate knows text and json")
    report = run_validate(ROOT)
    if output is Format.JSON:
        typer.echo(json.dumps(report.to_json(), indent=2))
    else:
        print_report(report, result_console())
    raise typer.Exit(DIRTY if report.findings else 0)


@apps.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Its name; its namespace is app-NAME.")],
    environments: Annotated[
        list[str] | None, typer.Option("--env", help="Once for each environment; dev and prod when left out.")
    ] = None,
    chart: Annotated[str, typer.Option(help="A folder of gitops/charts.")] = "web",
    image: Annotated[
        str | None,
        typer.Option(metavar="REPOSITORY", help="Its image without tag; example.azurecr.io/NAME if not said."),
    ] = None,
) -> None:
    """Add an application, or one that is there to further environments.

    Exit status: 0 written, 1 an error, and nothing was written.
    """
    from bootstrap.new_app import new_application  # noqa: PLC0415 - as above

    _say(
        new_application(
            ROOT,
            name,
            environments=environments or ["dev", "prod"],
            chart=chart,
            image=image or f"example.azurecr.io/{name}",
        )
    )


@apps.command("new-environment")
def new_environment(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Its name, as in Pulumi.<name>.yaml.")],
    like: Annotated[str, typer.Option(metavar="ENV", help="The environment whose applications it gets.")] = "dev",
) -> None:
    """Add an environment with every application of another.

    Exit status: 0 written, 1 an error, and nothing was written.
    """
    from bootstrap.new_app import new_environment as run  # noqa: PLC0415 - as above

    _say(run(ROOT, environment, like=like))


def _say(made: "Made") -> None:
    for file in made.files:
        typer.echo(f"wrote {file}")
    typer.echo("\nnext:")
    for step in made.next_steps:
        typer.echo(f"  {step}")
