"""The commands around ``gitops/``: promote, rollback, history, render, overlay, validate, freeze, app."""

from startup import on_demand

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.delivery.gitops import require_folder
from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT, Format, progress_console, result_console, some_path, some_text, text_or_json
from bootstrap.signals import ends_tidily

if TYPE_CHECKING:
    from bootstrap.delivery import api_server, new_app
    from bootstrap.delivery import freeze as freezing
    from bootstrap.delivery import migrate as migration
    from bootstrap.delivery import tenant_schema as schemas
    from bootstrap.delivery.overlay import check as overlays
    from bootstrap.delivery.promote import promote as promotion
    from bootstrap.delivery.promote import request
    from bootstrap.delivery.promote import rollback as going_back
    from bootstrap.delivery.promote import text as promoted
    from bootstrap.delivery.render import compare as comparison
    from bootstrap.delivery.render import live as live_cluster
    from bootstrap.delivery.render import output as rendered_output
    from bootstrap.delivery.render import render as rendering
    from bootstrap.delivery.validate import live as asking
    from bootstrap.delivery.validate import validate as validation
else:  # a command loads what it needs, and no more
    api_server = on_demand("bootstrap.delivery.api_server")
    freezing = on_demand("bootstrap.delivery.freeze")
    migration = on_demand("bootstrap.delivery.migrate")
    new_app = on_demand("bootstrap.delivery.new_app")
    schemas = on_demand("bootstrap.delivery.tenant_schema")
    overlays = on_demand("bootstrap.delivery.overlay.check")
    promotion = on_demand("bootstrap.delivery.promote.promote")
    request = on_demand("bootstrap.delivery.promote.request")
    going_back = on_demand("bootstrap.delivery.promote.rollback")
    promoted = on_demand("bootstrap.delivery.promote.text")
    comparison = on_demand("bootstrap.delivery.render.compare")
    live_cluster = on_demand("bootstrap.delivery.render.live")
    rendered_output = on_demand("bootstrap.delivery.render.output")
    rendering = on_demand("bootstrap.delivery.render.render")
    asking = on_demand("bootstrap.delivery.validate.live")
    validation = on_demand("bootstrap.delivery.validate.validate")

commands = typer.Typer()
apps = typer.Typer(help="Add applications and environments.")
commands.add_typer(apps, name="app")

DIRTY = 2
"""How a command ends that found something; 1 is an error."""
UNKNOWN = 3
"""How one ends that found nothing, and could not look everywhere."""


Remote = Annotated[
    str, typer.Option(metavar="NAME", parser=some_text, help="The remote, by its name in the clone or its URL.")
]
Branch = Annotated[str, typer.Option(metavar="NAME", parser=some_text, help="The branch that Argo CD follows.")]
CloneFolder = Annotated[
    Path,
    typer.Option(
        metavar="PATH",
        parser=some_path,
        help="The project's folder in a clone of the repository; its checkout is not touched.",
    ),
]
ProjectFolder = Annotated[
    Path,
    typer.Option(
        "--project",
        metavar="PATH",
        parser=some_path,
        help="Another project's folder, of which only files are read: no code in it is run.",
    ),
]
NoRender = Annotated[
    bool, typer.Option("--no-render", help="Do not let Helm or Kustomize render what is new before it is pushed.")
]


@commands.command()
@ends_tidily
def render(
    app_name: Annotated[
        str | None, typer.Argument(metavar="[APP]", help="An application; root for what the platform makes.")
    ] = None,
    environment: Annotated[str | None, typer.Argument(metavar="[ENV]", help="dev, prod, local, or yours.")] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Every application in every environment, and what the platform makes.")
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(metavar="REF", parser=some_text, help="Show what differs from this Git revision, by object."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Compare with the cluster. Only reads; looks only at what is rendered.")
    ] = False,
    kubeconfig: Annotated[
        Path | None, typer.Option(metavar="PATH", parser=some_path, help="For --live; KUBECONFIG when left out.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(metavar="NAME", parser=some_text, help="For --live: a context of the kubeconfig.")
    ] = None,
    project: ProjectFolder = ROOT,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown (pull requests) or json.")] = (
        Format.TEXT
    ),
) -> None:
    """Show what Argo CD would apply: the same chart, values, release, namespace and Kubernetes version.

    Not shown is what Argo CD adds itself: the tracking annotation, and the namespace with its labels.

    Exit status: 0 nothing differs (or nothing was compared), 2 something differs from --against or in the cluster,
    1 an error.
    """
    if everything == (app_name is not None) or (app_name is None) != (environment is None):
        raise BootstrapError("name an application and an environment, or say --all")
    if live and everything:
        raise BootstrapError("--live compares with one cluster, which is one environment's: name both")
    root = project.resolve()
    require_folder(root)
    wanted = None if everything else [(str(app_name), str(environment))]
    rendered = rendering.render_several(root, wanted or rendering.everything(root))
    changes = [] if against is None else comparison.compare(comparison.render_at(root, against, wanted), rendered)
    view = rendered_output.View(rendered=rendered, against=against, changes=changes)
    if live:
        with api_server.Cluster(kubeconfig, context) as cluster:
            view = replace(view, server=cluster.server, drift=live_cluster.compare_live(rendered, cluster))
    if output is Format.JSON:
        typer.echo(json.dumps(view.to_json(), indent=2, default=str))
    elif output is Format.MARKDOWN:
        typer.echo(rendered_output.to_markdown(view))
    else:
        rendered_output.print_view(view, result_console())
    raise typer.Exit(view.exit_status)


@commands.command()
@ends_tidily
def overlay(
    app_names: Annotated[list[str] | None, typer.Argument(metavar="[APP]...", help="All when left out.")] = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="End with 2 when something is found.")] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what leaves every environment's objects as they are, to the byte.")
    ] = False,
    history: Annotated[
        str,
        typer.Option(
            metavar="REF", parser=some_text, help="Whose history says what ran; in a pull request: origin/main."
        ),
    ] = "HEAD",
    project: ProjectFolder = ROOT,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Find where environments drift apart by accident; gitops/overlay.yaml says where they may differ.

    Redundant: an environment repeats the base or the chart's default. Common: environments say alike what belongs in
    the base. Unread: no template reads a value. Unexpected: environments differ where they should not. Never-ran: an
    image that dev never ran is in prod.

    Exit status: 0 clean, or found without --check; 2 found (what --fix left of it), with --check; 1 an error.
    """
    text_or_json("overlay", output)
    report = overlays.check(
        project.resolve(), app_names or None, mend=fix, history=history, progress=progress_console(stderr=True)
    )
    if output is Format.JSON:
        typer.echo(json.dumps(report.to_json(), indent=2))
    else:
        overlays.print_report(report, result_console())
    raise typer.Exit(DIRTY if check and report.findings else 0)


@commands.command()
@ends_tidily
def validate(
    *,
    live: Annotated[
        str | None,
        typer.Option(
            metavar="ENV",
            parser=some_text,
            help="Ask the API server of this environment's cluster too, by a dry run: it changes nothing.",
        ),
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(metavar="PATH", parser=some_path, help="For --live; KUBECONFIG when left out.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(metavar="NAME", parser=some_text, help="For --live: a context of the kubeconfig.")
    ] = None,
    project: ProjectFolder = ROOT,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Check gitops/ as a pull request has to pass it: no network but for charts of repositories, and no cluster.

    Every Application and project against the rules of the house, every rendered object against Kubernetes' own types
    (unknown fields are mistakes) and against its project, and no Secret in Git. With --live what a cluster's API server
    refuses is found too: by rules of CRDs, of admission policies and its own.

    Exit status: 0 clean, 2 something is wrong, 3 nothing is wrong, but of some objects the API server was not asked, as
    it says with the reason; 1 an error.
    """
    text_or_json("validate", output)
    if live is None and (kubeconfig is not None or context is not None):
        raise BootstrapError("--kubeconfig and --context are for --live")
    asked = None if live is None else asking.Live(environment=live, kubeconfig=kubeconfig, context=context)
    report = validation.validate(project.resolve(), asked)
    if output is Format.JSON:
        typer.echo(json.dumps(report.to_json(), indent=2))
    else:
        validation.print_report(report, result_console())
    raise typer.Exit(DIRTY if report.findings else UNKNOWN if report.not_asked else 0)


@commands.command()
@ends_tidily
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
        str | None,
        typer.Option("--from", metavar="ENV", parser=some_text, help="Take what this environment runs; needs --to."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--to", metavar="ENV", parser=some_text, help="With --from: where to, by a pull request."),
    ] = None,
    pull_request: Annotated[
        bool, typer.Option("--pull-request", help="Open a pull request instead of pushing.")
    ] = False,
    path: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            parser=some_text,
            help="Where in the file; image.tag unless said, image.digest for a digest; in an overlay images[0].newTag.",
        ),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Ask the registry for the image first.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change; write nothing.")] = False,
    no_render: NoRender = False,
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
        str | None, typer.Option(metavar="URL", parser=some_text, help="Where the image is built from; a trailer.")
    ] = None,
    source_run: Annotated[
        str | None,
        typer.Option(
            metavar="URL", parser=some_text, help="The pipeline's run, a trailer; a later run is never undone."
        ),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST", parser=some_text, help="The digest that the tag was pushed with, and is written with."
        ),
    ] = None,
    remote: Remote = "origin",
    branch: Branch = "main",
    attempts: Annotated[int, typer.Option(help="How often it is tried when others push at the same time.")] = 100,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long it is tried then.")] = 180,
    repository: CloneFolder = ROOT,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Write an image's tag or digest into an environment's values in Git; Argo CD does the rest.

    `bootstrap promote shop dev 4f2a9c1` pushes one commit; `bootstrap promote shop --from dev --to prod` opens a pull
    request. A run that died, or failed, is safely run again.

    Exit status: 0 promoted, or there already; 1 an error; 2 refused by a rule (a tag that can be moved, an unknown
    application, environment or path, a reverted image, values that Helm refuses); 3 somebody else was first (another
    value than --expect, a change of unknown order, no attempt left); 4 the registry does not have the image. A run that
    a later one overtook ends with 0, changes nothing and says so ("overtaken" in JSON).
    """
    if (source is None) != (target is None) or (target is not None and environment is not None):
        raise BootstrapError("--from and --to go together, and without an environment before them")
    text_or_json("promote", output)
    result = promotion.promote(
        repository,
        request.Request(
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
            render=not no_render,
            verify=verify,
            source_repository=source_repository,
            source_run=source_run,
            digest=digest,
            attempts=attempts,
            seconds=timeout,
        ),
    )
    _print_result(result, output)


@commands.command()
@ends_tidily
def rollback(
    app_name: Annotated[str, typer.Argument(metavar="APP", help="A folder of gitops/apps.")],
    environment: Annotated[str, typer.Argument(metavar="ENV", help="The environment, as in its file prod.yaml.")],
    *,
    to: Annotated[int, typer.Option(metavar="N", min=1, help="How many images back, as `history` counts them.")] = 1,
    pull_request: Annotated[
        bool, typer.Option("--pull-request", help="Open a pull request, also where the environment is not protected.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the change; write nothing.")] = False,
    no_render: NoRender = False,
    remote: Remote = "origin",
    branch: Branch = "main",
    repository: CloneFolder = ROOT,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Go back to the image that ran before; by a pull request where the environment is protected.

    The image that runs now is taken back: `promote` refuses it until somebody says --force-reverted, or reverts the
    rollback's commit. Images that were taken back are not gone back to.

    Exit status: 0 rolled back, 1 an error, 2 there is no such image, application or environment, 3 somebody else
    changed the image meanwhile.
    """
    text_or_json("rollback", output)
    asked = request.Request(
        app=app_name,
        environment=environment,
        remote=remote,
        branch=branch,
        pull_request=pull_request,
        dry_run=dry_run,
        render=not no_render,
    )
    result = going_back.rollback(repository, asked, to)
    _print_result(result, output)


@commands.command()
@ends_tidily
def history(
    app_name: Annotated[str | None, typer.Argument(metavar="[APP]", help="All applications when left out.")] = None,
    environment: Annotated[
        str | None, typer.Argument(metavar="[ENV]", help="What ran there; what runs everywhere when left out.")
    ] = None,
    *,
    last: Annotated[int, typer.Option(metavar="N", min=1, help="At most so many images of one environment.")] = 20,
    remote: Remote = "origin",
    branch: Branch = "main",
    repository: CloneFolder = ROOT,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Show which image Git has for each environment, since when, and from which commit.

    It says what Argo CD was asked for, not what a cluster has done.

    Exit status: 0 shown, 1 an error, 2 there is no such application or environment.
    """
    text_or_json("history", output)
    found = going_back.history(repository, app_name, environment, remote=remote, branch=branch, most=last)
    if output is Format.JSON:
        typer.echo(json.dumps({"version": 1, "images": [version.to_json() for version in found]}, indent=2))
    else:
        promoted.print_history(found, result_console())


@commands.command()
@ends_tidily
def freeze(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Whose applications stay as they are.")],
    *,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", parser=some_text, help="When it ends, such as 2026-12-27T08:00Z.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", parser=some_text, help="When it starts; now if left out.")
    ] = None,
    lift: Annotated[bool, typer.Option("--lift", help="End it.")] = False,
) -> None:
    """Keep Argo CD from changing an environment for a time; promotions wait in Git until it is over.

    It writes tenants/values.yaml, which takes effect once the platform's branch has it. Drift is not corrected in the
    meantime either.

    Exit status: 0 written, 1 an error, and nothing was written.
    """
    if lift == (until is not None) or (lift and start is not None):
        raise BootstrapError("got --until and --lift, or neither; allowed: --until [--from], or --lift")
    if until is None:
        freezing.lift(ROOT, environment)
        typer.echo(f"wrote {freezing.FILE}: {environment} is synced again")
    else:
        window = freezing.freeze(ROOT, environment, until=until, start=start, now=dt.datetime.now(dt.UTC))
        typer.echo(
            f"wrote {freezing.FILE}: {environment} is not synced from {window.start:%Y-%m-%dT%H:%MZ} "
            f"to {window.until:%Y-%m-%dT%H:%MZ}"
        )
    typer.echo("\nnext:\n  commit it, and bring it to the platform's branch: git push origin main:platform")


@apps.command("new")
@ends_tidily
def new(
    name: Annotated[str, typer.Argument(help="Its name; its namespace is app-NAME.")],
    environments: Annotated[
        list[str] | None, typer.Option("--env", help="Once for each environment; dev and prod when left out.")
    ] = None,
    chart: Annotated[str, typer.Option(metavar="NAME", parser=some_text, help="A folder of gitops/charts.")] = "web",
    image: Annotated[
        str | None,
        typer.Option(
            metavar="REPOSITORY", parser=some_text, help="Its image without tag; example.azurecr.io/NAME if not said."
        ),
    ] = None,
) -> None:
    """Add an application, or one that is there to further environments.

    Exit status: 0 written, 1 an error, and nothing was written.
    """
    _print(
        new_app.new_application(
            ROOT,
            name,
            environments=environments or ["dev", "prod"],
            chart=chart,
            image=image or f"example.azurecr.io/{name}",
        )
    )


@apps.command("new-environment")
@ends_tidily
def new_environment(
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Its name, as in Pulumi.<name>.yaml.")],
    like: Annotated[str, typer.Option(metavar="ENV", help="The environment whose applications it gets.")] = "dev",
) -> None:
    """Add an environment with every application of another.

    Exit status: 0 written, 1 an error, and nothing was written.
    """
    _print(new_app.new_environment(ROOT, environment, like=like))


@apps.command("migrate")
@ends_tidily
def migrate() -> None:
    """Make tenants of the Applications that earlier versions kept in gitops/environments/.

    Exit status: 0 written, 1 an error, and nothing was written: an application would not render the same, or is none
    that a tenant can be.
    """
    _print(migration.migrate(ROOT))


@apps.command("schema")
@ends_tidily
def schema() -> None:
    """Write tenant.schema.json, from which editors complete and check files of tenants/, from the model.

    Exit status: 0 written, 1 an error.
    """
    typer.echo(f"wrote {schemas.write_schema(ROOT).relative_to(ROOT)}")


def _print_result(result: "request.Result", output: Format) -> None:
    if output is Format.JSON:
        typer.echo(json.dumps(result.to_json(), indent=2))
    else:
        promoted.print_result(result, result_console())


def _print(made: "new_app.Made") -> None:
    for file in made.files:
        typer.echo(f"wrote {file}")
    typer.echo("\nnext:")
    for step in made.next_steps:
        typer.echo(f"  {step}")
