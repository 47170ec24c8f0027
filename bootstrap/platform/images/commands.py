"""``bootstrap images``: list, lock, mirror, check."""

from startup import on_demand

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT, Format, progress_console, some_text, text_or_json
from bootstrap.signals import ends_tidily

if TYPE_CHECKING:
    from bootstrap.platform import run
    from bootstrap.platform.images import listing, lock, mirror, outside
    from settings import images as settings
else:  # a command loads what it needs, and no more
    run = on_demand("bootstrap.platform.run")
    listing = on_demand("bootstrap.platform.images.listing")
    lock = on_demand("bootstrap.platform.images.lock")
    mirror = on_demand("bootstrap.platform.images.mirror")
    outside = on_demand("bootstrap.platform.images.outside")
    settings = on_demand("settings.images")

images = typer.Typer(help="The addons' images and charts: list, lock by digest, mirror.")


def _registry(given: str) -> str:
    """Take a mirror's name.

    Raises:
        ValueError: it is none.
    """
    try:
        return settings.MIRROR(given)
    except ValueError as error:
        raise ValueError(f"got {given!r}; {error}") from None


DIFFERENT = 2
"""How a command ends that found a difference; 1 is an error."""

Stacks = Annotated[
    list[str] | None,
    typer.Option("--stack", "-s", parser=some_text, help="A stack; give it again for more. All when left out."),
]
Charts = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="Folder with the charts' archives, where they cannot be fetched."),
]


@images.command("list")
@ends_tidily
def list_(
    stack: Stacks = None,
    *,
    charts: Charts = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text or json.")] = Format.TEXT,
) -> None:
    """List every image that Helm renders for the addons: containers, hooks, and what is handed to programs. Needs Helm.

    Exit status: 0 success, 1 an error.
    """
    text_or_json("images list", output)
    listed = listing.list_images(ROOT, stack or (), charts)
    locked = lock.current(ROOT).charts
    rows = [
        {
            "chart": chart.key,
            "image": image,
            "digest": locked[chart.key].images.get(image) if chart.key in locked else None,
            "stacks": sorted(stacks),
        }
        for chart in listed
        for image, stacks in sorted(chart.images.items())
    ]
    if output is Format.JSON:
        typer.echo(json.dumps({"version": 1, "images": rows}, indent=2))
        return
    for chart in listed:
        typer.echo(chart.key)
        for row in (row for row in rows if row["chart"] == chart.key):
            typer.echo(f"  {row['image']}  {row['digest'] or 'not locked'}  ({', '.join(row['stacks'] or [])})")


@images.command("lock")
@ends_tidily
def lock_(
    *,
    charts: Charts = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit status 2 where something differs.")] = (
        False
    ),
) -> None:
    """Ask registries what every stack's tags and versions stand for, and write supply.lock.yaml. Needs Helm.

    Exit status: 0 success, 2 --check found a difference, 1 an error: unavailable
    digests are listed and nothing is written.
    """
    console = progress_console(stderr=True)
    listed = listing.list_images(ROOT, charts=charts)
    found = lock.ask(ROOT, listed, lambda text: console.print(text, style="dim"))
    for change in found.changes:
        typer.echo(change)
    if check:
        raise typer.Exit(DIFFERENT if found.changes else 0)
    if found.changes:
        typer.echo(f"wrote {lock.write(ROOT, found.lock).relative_to(ROOT)}")
    else:
        typer.echo("nothing has changed")


@images.command("mirror")
@ends_tidily
def mirror_(
    to: Annotated[
        str, typer.Option("--to", metavar="REGISTRY", parser=_registry, help="Such as example.azurecr.io/mirror.")
    ],
) -> None:
    """Copy what supply.lock.yaml holds into a registry, by digest. Safe to rerun: it resumes where it stopped.

    Sign in with `docker login` or `az acr login` first, as somebody who may push.

    Exit status: 0 success, 1 an error.
    """
    console = progress_console()
    todo = mirror.copies(lock.current(ROOT), to)
    for number, copy in enumerate(todo, 1):
        done = mirror.mirror(copy, lambda text: console.print(f"  {text}", style="dim"))
        console.print(f"[{number}/{len(todo)}] {copy.source}{'' if done else ': was there'}", markup=False)


@images.command("check")
@ends_tidily
def check_(
    stack: Annotated[str, typer.Option("--stack", "-s", help="The stack.")] = "dev",
    *,
    mirror_in: Annotated[
        str | None,
        typer.Option("--in", metavar="REGISTRY", parser=_registry, help="Compare this registry alone."),
    ] = None,
    charts: Charts = None,
) -> None:
    """Compare a mirror with supply.lock.yaml, and look for what a stack would take from elsewhere. Needs Helm.

    Exit status: 0 all is there and nothing comes from elsewhere, 2 something is missing, 1 an error.
    """
    where = mirror_in or run.settings_of(ROOT, stack).images.mirror
    if where is None:
        raise BootstrapError(f"stack {stack} has no images.mirror; allowed: set it, or name a registry with --in")
    found = [left for copy in mirror.copies(lock.current(ROOT), where) if (left := mirror.missing(copy))]
    if mirror_in is None:
        found += outside.outside(ROOT, stack, where, charts)
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(DIFFERENT)
    typer.echo(f"{where} holds everything that is locked")
