"""The commands that work with ``pulumi``, from plan to schema."""

from startup import on_demand

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT, Format, ReportFormat, progress_console, result_console, some_text, text_or_json
from bootstrap.platform.ci.commands import ci
from bootstrap.platform.images.commands import images
from bootstrap.signals import ends_tidily

if TYPE_CHECKING:
    from bootstrap.platform import adopt as adoption
    from bootstrap.platform import rehearse as rehearsing
    from bootstrap.platform import restore as restoring
    from bootstrap.platform import schema as schemas
    from bootstrap.platform import up as update
    from bootstrap.platform.doctor import doctor as diagnosis
    from bootstrap.platform.evidence import answers, live, rendering
    from bootstrap.platform.plan import against as against_revision
    from bootstrap.platform.plan import arm as arm_requests
    from bootstrap.platform.plan import compare as comparison
    from bootstrap.platform.plan import evaluate as evaluation
    from bootstrap.platform.plan import markdown, text, view
    from bootstrap.platform.policy import report as policies
    from bootstrap.platform.status import gather as gathering
    from bootstrap.platform.status import rendering as status_page
    from bootstrap.platform.upgrade import check as upgrading
    from bootstrap.platform.verify import report as verification
    from bootstrap.platform.verify import verify as verifying
    from rehearsal import timeline
else:  # a command loads what it needs, and no more
    adoption = on_demand("bootstrap.platform.adopt")
    rehearsing = on_demand("bootstrap.platform.rehearse")
    restoring = on_demand("bootstrap.platform.restore")
    schemas = on_demand("bootstrap.platform.schema")
    update = on_demand("bootstrap.platform.up")
    diagnosis = on_demand("bootstrap.platform.doctor.doctor")
    answers = on_demand("bootstrap.platform.evidence.answers")
    live = on_demand("bootstrap.platform.evidence.live")
    rendering = on_demand("bootstrap.platform.evidence.rendering")
    against_revision = on_demand("bootstrap.platform.plan.against")
    arm_requests = on_demand("bootstrap.platform.plan.arm")
    comparison = on_demand("bootstrap.platform.plan.compare")
    evaluation = on_demand("bootstrap.platform.plan.evaluate")
    markdown = on_demand("bootstrap.platform.plan.markdown")
    text = on_demand("bootstrap.platform.plan.text")
    view = on_demand("bootstrap.platform.plan.view")
    policies = on_demand("bootstrap.platform.policy.report")
    gathering = on_demand("bootstrap.platform.status.gather")
    status_page = on_demand("bootstrap.platform.status.rendering")
    upgrading = on_demand("bootstrap.platform.upgrade.check")
    verification = on_demand("bootstrap.platform.verify.report")
    verifying = on_demand("bootstrap.platform.verify.verify")
    timeline = on_demand("rehearsal.timeline")

commands = typer.Typer()
commands.add_typer(images, name="images")
commands.add_typer(ci, name="ci")

StackOption = Annotated[str, typer.Option("--stack", "-s", help="The stack: dev, prod, local, or one of yours.")]

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing anything.")]


@commands.command()
@ends_tidily
def plan(
    stack: StackOption = "dev",
    *,
    against: Annotated[
        str | None,
        typer.Option(metavar="REF", parser=some_text, help="Compare with the program at this Git revision."),
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown (pull requests) or json.")] = (
        Format.TEXT
    ),
    values: Annotated[bool, typer.Option(help="Print every release's final values.")] = False,
    arm: Annotated[bool, typer.Option("--arm", help="Print, as JSON, the requests that Azure gets.")] = False,
    arm_template: Annotated[
        bool, typer.Option("--arm-template", help="Print these requests as one template of Azure Resource Manager.")
    ] = False,
) -> None:
    """Show what `pulumi up` would build: no cloud, no credentials, no Pulumi CLI.

    Exit status: 0 no changes (or no --against), 2 changes, 3 a resource that holds data or serves traffic is replaced
    or removed, 1 an error.
    """
    with against_revision.Pending(ROOT, against, stack) if against is not None else nullcontext() as pending:
        now = evaluation.evaluate(ROOT, stack)
        changes = comparison.compare(pending.result(), now) if pending else []
    if arm or arm_template:
        typer.echo(json.dumps(arm_requests.template(now) if arm_template else arm_requests.to_json(now), indent=2))
        raise typer.Exit
    shown = view.view(now, against=against, changes=changes)
    if output is Format.JSON:
        typer.echo(json.dumps(shown.to_json(), indent=2))
    elif output is Format.MARKDOWN:
        typer.echo(markdown.to_markdown(shown), nl=False)
    else:
        text.print_plan(shown, result_console(), values=values)
    raise typer.Exit(shown.exit_status)


@commands.command()
def policy(
    stack: StackOption = "prod",
    *,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Hold the plan to the rules of policy/: no cloud, no credentials, no Pulumi CLI.

    Exit status: 0 every rule is kept or has an exception, 2 one is violated, 1 an error.
    """
    text_or_json("policy", output)
    found = policies.report(evaluation.evaluate(ROOT, stack))
    if output is Format.JSON:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        policies.print_report(found, result_console())
    raise typer.Exit(2 if found.violated else 0)


@commands.command()
def evidence(
    stack: StackOption = "prod",
    *,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown (auditors) or json.")] = Format.TEXT,
    check: Annotated[bool, typer.Option("--check", help="Print only what is unmet.")] = False,
    ask: Annotated[
        bool, typer.Option("--live", help="Read from Azure and the cluster too, with `az` and `kubectl`.")
    ] = False,
    context: Annotated[
        str | None,
        typer.Option(metavar="NAME", parser=some_text, help="The kubeconfig's context for --live; the current one."),
    ] = None,
) -> None:
    """Show what answers each control of the CIS AKS Benchmark and of Microsoft's: a planned property, or an exception.

    Exit status: 0 every control is met or has an exception, 2 one is unmet or its exception is over, 1 an error.
    """
    plan = evaluation.evaluate(ROOT, stack)
    found = answers.evidence(plan, ask=live.asking(plan, context) if ask else None)
    shown = found.unmet if check else found.answers
    if output is Format.JSON:
        typer.echo(json.dumps(rendering.to_json(found, shown), indent=2))
    elif output is Format.MARKDOWN:
        typer.echo(rendering.to_markdown(found, shown), nl=False)
    else:
        rendering.print_evidence(found, shown, result_console())
    raise typer.Exit(2 if found.unmet else 0)


@commands.command()
def doctor(
    stack: StackOption = "dev",
    *,
    preflight: Annotated[
        bool, typer.Option("--what-if", help="Let Azure validate the plan's template too; five minutes at most.")
    ] = False,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """Run preflight checks: whether this stack can be deployed from this machine. Read-only.

    Exit status: 0 nothing blocks it, 2 blocked, 1 an error.
    """
    text_or_json("doctor", output)
    found = diagnosis.examine(ROOT, stack, console=progress_console(stderr=True), preflight=preflight)
    if output is Format.JSON:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        diagnosis.print_diagnosis(found, result_console())
    raise typer.Exit(2 if found.blocked else 0)


@commands.command()
def up(
    stack: StackOption = "local",
    yes: YesOption = False,
    skip_preview: Annotated[bool, typer.Option("--skip-preview", help="Leave the preview out.")] = False,
    skip_doctor: Annotated[bool, typer.Option("--skip-doctor", help="Skip the preflight checks.")] = False,
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Skip the checks after the update.")] = False,
) -> None:
    """Run preflight checks, `pulumi up`, then the checks of `verify`.

    Exit status: 0 success, 2 deployed, but a check failed, 1 an error.
    """
    update.up(
        ROOT,
        stack,
        yes=yes,
        skip_preview=skip_preview,
        skip_doctor=skip_doctor,
        skip_verify=no_verify,
        console=progress_console(),
    )


@commands.command()
@ends_tidily
def verify(
    stack: StackOption = "local",
    *,
    egress_url: Annotated[
        str | None,
        typer.Option(metavar="URL", parser=some_text, help="Answers with its caller's address, as http://ifconfig.me."),
    ] = None,
    output: Annotated[ReportFormat, typer.Option("--format", "-f", help="text, json or junit.")] = ReportFormat.TEXT,
) -> None:
    """Check a running cluster end to end; temporary objects are removed.

    Exit status: 0 nothing failed, 2 something did, 1 an error.
    """
    found = verifying.verify(ROOT, stack, console=progress_console(stderr=True), egress_url=egress_url or "")
    if output is ReportFormat.JSON:
        typer.echo(json.dumps(found.to_json(), indent=2))
    elif output is ReportFormat.JUNIT:
        typer.echo(found.to_junit(), nl=False)
    else:
        verification.print_report(found, result_console())
    raise typer.Exit(2 if found.failed else 0)


@commands.command()
@ends_tidily
def status(
    stack: StackOption = "local",
    *,
    compare: Annotated[bool, typer.Option("--drift", help="Compare with Azure and the cluster too; minutes.")] = False,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown or json.")] = Format.TEXT,
) -> None:
    """Show a running stack on one page: versions, addons, certificates, applications, backups; nothing is changed.

    Exit status: 0, also where something could not be read, which the page says; 1 an error.
    """
    page = gathering.gather(ROOT, stack, console=progress_console(stderr=True), drift=compare)
    if output is Format.JSON:
        typer.echo(json.dumps(page.to_json(), indent=2))
    elif output is Format.MARKDOWN:
        typer.echo(status_page.to_markdown(page), nl=False)
    else:
        status_page.print_page(page, result_console())


@commands.command()
def upgrade(
    stack: StackOption = "local",
    yes: YesOption = False,
    *,
    check: Annotated[bool, typer.Option("--check", help="Only tell what the update would do.")] = False,
    charts: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder with the charts' archives; Helm fetches them."),
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, or json with --check.")] = (Format.TEXT),
) -> None:
    """Compare the program's versions with what runs in a cluster, then run `up` if nothing blocks it.

    Needs Helm. Exit status: 0 nothing blocks it, 2 blocked, nothing was changed, 1 an error.
    """
    text_or_json("upgrade", output)
    if output is Format.JSON and not check:
        raise BootstrapError("got --format json; allowed with --check, as the update that follows prints text")
    found = upgrading.check(ROOT, stack, console=progress_console(stderr=True), charts=charts)
    if output is Format.JSON:
        typer.echo(json.dumps(found.to_json(), indent=2))
    else:
        upgrading.print_check(found, result_console())
    if found.blocked:
        raise typer.Exit(2)
    if not check:
        update.up(ROOT, stack, yes=yes, console=progress_console())


@commands.command()
@ends_tidily
def restore(
    stack: StackOption = "prod",
    yes: YesOption = False,
    *,
    namespaces: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace", "-n", parser=some_text, help="What comes back; may be repeated. Lists when left out."
        ),
    ] = None,
    point: Annotated[
        str | None, typer.Option(metavar="ID", parser=some_text, help="The backup; the latest when left out.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, or json of the list.")] = Format.TEXT,
) -> None:
    """List a stack's backups, or bring namespaces of applications back from one, volumes included.

    A new generation is restored by `up`, before Argo CD deploys (`backup.restore`). This is for what was lost since:
    what is there stays as it is, so delete first what is to come back, and hold Argo CD (docs/runbooks).

    Exit status: 0 listed or restored, 1 an error.
    """
    text_or_json("restore", output)
    if point is not None and not namespaces:
        raise BootstrapError("got --point without --namespace; allowed: both")
    if namespaces and output is Format.JSON:
        raise BootstrapError("got --format json with --namespace; allowed for the list")
    restoring.check_namespaces(namespaces or ())
    console = progress_console(stderr=True)
    found = restoring.stack_of(ROOT, stack, console)
    points = found.points()
    if output is Format.JSON:
        typer.echo(json.dumps(found.to_json(points), indent=2))
    elif not namespaces:
        restoring.print_points(found, points, result_console())
    else:
        chosen = restoring.chosen(points, point)
        what = f"{', '.join(namespaces)} of {chosen}, into {found.cluster.name}"
        console.print(f"{what}, with what has no namespace and is missing there; what is there stays as it is")
        if not yes:
            typer.confirm("restore it?", abort=True, err=True)
        restoring.print_job(found.restore(chosen, namespaces, console.print), result_console())


@commands.command()
def down(stack: StackOption = "local", yes: YesOption = False) -> None:
    """Undo `up`: destroy the stack, and remove the cluster and the state if `up` created them.

    Exit status: 0 destroyed, or nothing to destroy; 1 an error.
    """
    update.down(ROOT, stack, yes=yes, console=progress_console())


@commands.command()
def recover(stack: StackOption = "local") -> None:
    """After a run that died: remove its lock, and import what it had created. The next `up` continues.

    Exit status: 0 the next update can run, 1 an error.
    """
    update.recover_stack(ROOT, stack, console=progress_console())


@commands.command()
def drift(stack: StackOption = "local") -> None:
    """Compare a stack with Azure and its cluster; nothing is changed.

    Exit status: 0 no drift, 2 drift, 1 an error.
    """
    drifted = update.drift(ROOT, stack, console=progress_console())
    typer.echo("drift: see above" if drifted else "no drift")
    raise typer.Exit(2 if drifted else 0)


@commands.command()
def rehearse(
    stack: StackOption = "dev",
    *,
    rebuild: Annotated[bool, typer.Option(help="Then raise the generation, and deploy the next cluster too.")] = False,
    kill_at: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Kill the run at the n-th step, recover, and continue.")
    ] = None,
    seconds_per_minute: Annotated[
        float, typer.Option(min=0, max=600, help="Real seconds for each minute that Azure typically takes.")
    ] = 1.0,
    charts: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder with the real charts' archives.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown (Mermaid) or json.")] = Format.TEXT,
) -> None:
    """Deploy or rebuild one of your stacks with the real engine and a stand-in for Azure: no subscription.

    Exit status: 0 success, 1 failure.
    """
    console = progress_console(stderr=output is not Format.TEXT, wrap=True)
    done = rehearsing.rehearse(
        ROOT,
        stack,
        rebuild=rebuild,
        kill_at=kill_at,
        seconds_per_minute=seconds_per_minute,
        charts=charts,
        console=console,
    )
    if output is Format.JSON:
        typer.echo(json.dumps(done.to_json(), indent=2))
    elif output is Format.MARKDOWN:
        for run in done.runs:
            typer.echo(f"### {run.title}: {run.seconds:.0f} s\n\n```mermaid\n{timeline.mermaid(run.spans)}\n```\n")
    else:
        for run in done.runs:
            console.print(f"\n[bold]{run.title}[/]")
            console.print(timeline.chart(run.spans))
        minutes, seconds = divmod(done.critical_path_seconds, 60)
        console.print(f"\ncritical path in Azure, {minutes}m {seconds:02}s: {' → '.join(done.critical_path)}")
        console.print(f"{len(done.resources)} resources would exist in Azure now; none does, nothing is left behind")


@commands.command()
def adopt(
    stack: StackOption = "dev",
    folder: Annotated[Path, typer.Option(file_okay=False, exists=True, help="Where the import files go.")] = Path(),
) -> None:
    """After the state is lost and the resources are not: write import files, and print the commands to run.

    Exit status: 0 both files written, 1 an error.
    """
    files = adoption.adopt(evaluation.evaluate(ROOT, stack))
    files.write(folder)
    typer.echo("run in an empty stack, one after the other:")
    for command in files.commands(folder):
        typer.echo(f"  {command}")


@commands.command()
def schema() -> None:
    """Write stack.schema.json, from which editors complete and check stack files, from the settings' models.

    Exit status: 0 written, 1 an error.
    """
    typer.echo(f"wrote {schemas.write_schema(ROOT).relative_to(ROOT)}")
