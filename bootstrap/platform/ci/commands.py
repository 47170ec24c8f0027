"""``bootstrap ci``: comment, digest, drill, drill-stack, next, publish, setup."""

from startup import on_demand

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT, Format, some_text
from bootstrap.signals import ends_tidily

if TYPE_CHECKING:
    from bootstrap import revision
    from bootstrap.platform import drills
    from bootstrap.platform.ci import comment, generation, preview, publish
    from bootstrap.platform.ci import drill as drilling
    from bootstrap.platform.ci import drill_stack as drill_stacks
    from bootstrap.platform.ci import setup as setting_up
    from settings import state
else:  # a command loads what it needs, and no more
    revision = on_demand("bootstrap.revision")
    drills = on_demand("bootstrap.platform.drills")
    comment = on_demand("bootstrap.platform.ci.comment")
    drilling = on_demand("bootstrap.platform.ci.drill")
    drill_stacks = on_demand("bootstrap.platform.ci.drill_stack")
    generation = on_demand("bootstrap.platform.ci.generation")
    preview = on_demand("bootstrap.platform.ci.preview")
    publish = on_demand("bootstrap.platform.ci.publish")
    setting_up = on_demand("bootstrap.platform.ci.setup")
    state = on_demand("settings.state")

ci = typer.Typer(
    help="What the workflows run: a preview's comment and digest, the record of drills, what GitHub is sent."
)

PreviewFile = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="What `pulumi preview --json --refresh` printed.")
]
JsonFile = Path | None


@ci.command("comment")
@ends_tidily
def comment_(
    file: PreviewFile,
    stack: Annotated[str, typer.Option("--stack", "-s", parser=some_text, help="The stack.")],
    *,
    label: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="A label of the pull request; give it again for more.")
    ] = None,
    event: Annotated[
        JsonFile,
        typer.Option(
            exists=True, dir_okay=False, help="What `publish labels` printed, or a run's event of a pull request."
        ),
    ] = None,
    plan: Annotated[
        JsonFile, typer.Option(exists=True, dir_okay=False, help="What `bootstrap plan --format json` printed.")
    ] = None,
    policy: Annotated[
        JsonFile, typer.Option(exists=True, dir_okay=False, help="What `bootstrap policy --format json` printed.")
    ] = None,
    scan: Annotated[
        JsonFile, typer.Option(exists=True, dir_okay=False, help="What `make scan FORMAT=json` printed.")
    ] = None,
    doctor: Annotated[
        JsonFile, typer.Option(exists=True, dir_okay=False, help="What `bootstrap doctor --format json` printed.")
    ] = None,
    full: Annotated[Path | None, typer.Option(dir_okay=False, help="Write all of it here, however long.")] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="markdown or json.")] = Format.MARKDOWN,
) -> None:
    """Print a preview as the one comment that its pull request gets: 4,000 characters at most, losses first.

    Exit status: 0 success, 3 what holds data or serves traffic is replaced or deleted without its label, 1 the
    preview has failed, or an error.
    """
    labels = [*(label or []), *_labels(_json(event))]
    review = comment.Review(
        stack=stack,
        preview=preview.read_preview(_text(file)),
        labels=labels,
        plan=_json(plan),
        policy=_json(policy),
        scan=_json(scan),
        doctor=_json(doctor),
    )
    if full is not None:
        full.write_text(comment.in_full(review), encoding="utf-8")
    if output is Format.JSON:
        typer.echo(json.dumps(review.to_json(), indent=2))
    else:
        typer.echo(comment.to_markdown(review), nl=False)
    raise typer.Exit(review.exit_status)


@ci.command("digest")
@ends_tidily
def digest(
    file: PreviewFile,
    *,
    reviewed: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="The digest that was reviewed; empty where none was.")
    ] = None,
) -> None:
    """Print a preview's digest: the same for two previews whose updates would do the same.

    Exit status: 0 success, 3 with --reviewed: it is another one, and the update would change something, 1 the preview
    has failed, or an error.
    """
    found = preview.read_preview(_text(file))
    typer.echo(found.digest)
    if found.errors:
        raise BootstrapError(f"the preview has failed: {found.errors[0]}")
    changes = [each for each in found.operations if each.custom]
    if reviewed is None or reviewed == found.digest or not changes:
        return
    typer.echo(
        f"reviewed was {reviewed or 'nothing'}, and {len(changes)} resources would change: somebody has to look again",
        err=True,
    )
    raise typer.Exit(3)


@ci.command("drill")
@ends_tidily
def drill(
    stack: Annotated[str, typer.Option("--stack", "-s", parser=some_text, help="The stack.")],
    file: Annotated[
        JsonFile,
        typer.Argument(exists=True, dir_okay=False, help="What `bootstrap rehearse --rebuild --format json` printed."),
    ] = None,
    *,
    failed: Annotated[
        JsonFile, typer.Option(exists=True, dir_okay=False, help="What a drill that failed printed as its errors.")
    ] = None,
    real: Annotated[bool, typer.Option("--real", help="It was built in Azure, under another name.")] = False,
    seconds: Annotated[
        int | None, typer.Option(min=0, max=604800, help="With --real: from `make up` to a cluster that serves.")
    ] = None,
    commit: Annotated[str | None, typer.Option(parser=some_text, help="What was rebuilt; HEAD unless given.")] = None,
    date: Annotated[str | None, typer.Option(metavar="DATE", help="The day in UTC; today unless given.")] = None,
) -> None:
    """Record a drill, one that failed too, as a row of docs/drills.md. A second time changes nothing.

    Exit status: 0 success, 1 an error; the file is as it was.
    """
    done = drilling.drill(
        stack,
        commit=commit or revision.commit_of(ROOT, "HEAD"),
        date=date,
        rehearsal=None if file is None else _json(file),
        log=None if failed is None else failed.read_text(encoding="utf-8", errors="replace"),
        real=real,
        seconds=seconds,
    )
    written = drills.record(ROOT, done)
    typer.echo(f"{drills.FILE}: {done.row() if written else 'the drill is there already'}")


@ci.command(
    "publish", add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_extra_args": True}
)
def publish_(context: typer.Context) -> None:
    """Publish on GitHub what a run has found, or ask it: comment, labels, reviewed, issue. Needs a run's variables.

    Exit status: 0 success, 1 an error.
    """
    raise typer.Exit(publish.main(context.args))


@ci.command("next")
def next_(
    stack: Annotated[str, typer.Option("--stack", "-s", parser=some_text, help="The stack.")],
    *,
    region: Annotated[str, typer.Option(help="Where the cluster is to be; empty for the region that it is in.")] = "",
) -> None:
    """Write the next generation of a stack's cluster into its file: what a rebuild begins with.

    Exit status: 0 success, 1 an error; the file is as it was.
    """
    typer.echo(f"Pulumi.{stack}.yaml: generation {generation.next_generation(ROOT, stack, region.strip())}")


@ci.command("drill-stack")
def drill_stack_(
    stack: Annotated[str, typer.Option("--stack", "-s", parser=some_text, help="The stack that is drilled.")],
    region: Annotated[str, typer.Option(parser=some_text, help="Where it is built, such as westeurope.")],
    zone: Annotated[str, typer.Option(parser=some_text, help="A DNS zone that is there, delegated, and nobody's.")],
    zone_group: Annotated[str, typer.Option(parser=some_text, help="Resource group of that zone.")],
) -> None:
    """Write Pulumi.drill.yaml: the stack under another name, unprotected and without applications, for a real drill.

    Exit status: 0 success, 1 an error; nothing was written.
    """
    written = drill_stacks.drill_stack(ROOT, stack, region=region, zone=zone, zone_group=zone_group)
    typer.echo(f"{written.name}: {stack} as {drill_stacks.NAME}, in {region}")


@ci.command("setup")
def setup(
    stack: Annotated[str, typer.Option("--stack", "-s", parser=some_text, help="The stack.")],
    repository: Annotated[
        str, typer.Option(metavar="OWNER/NAME", parser=some_text, help="The repository on GitHub whose workflows run.")
    ],
    reviewers: Annotated[
        str, typer.Option(metavar="TEAM", parser=some_text, help="The team that has to agree, as GitHub spells it.")
    ],
    *,
    group: Annotated[
        str, typer.Option(parser=some_text, help="Resource group of the identities, which no stack owns.")
    ] = "rg-platform-ci",
    backend: Annotated[
        str | None, typer.Option(metavar="URL", parser=some_text, help="Pulumi's backend; the configured one.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Run the commands, after asking.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Print the commands that make what a stack's workflows need: identities, environments, variables. No secret.

    Exit status: 0 success, 1 an error, or somebody said no.
    """
    configured = state.configured_backend(ROOT, os.environ)
    found = setting_up.target(
        ROOT,
        stack,
        repository=repository,
        reviewers=reviewers,
        group=group,
        backend=backend or (configured.url if configured else ""),
    )
    typer.echo(setting_up.script(found), nl=False)
    if apply:
        if not yes:
            typer.confirm("\nrun all of this?", abort=True, err=True)
        setting_up.apply(setting_up.parts(found), typer.echo)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BootstrapError(f"{file} is not text") from None


def _json(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        document = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise BootstrapError(f"{file} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise BootstrapError(f"{file}: got JSON {type(document).__name__}; allowed: an object")
    return document


def _labels(event: dict[str, Any]) -> list[str]:
    """Return the labels in the payload of ``pull_request``: https://docs.github.com/en/webhooks/webhook-events-and-payloads."""
    try:
        return [str(each["name"]) for each in (event.get("pull_request") or {}).get("labels") or []]
    except (TypeError, KeyError, AttributeError):
        raise BootstrapError("--event: got no pull_request.labels[].name; allowed: a pull_request event") from None
