"""Renders the page as text and Markdown."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bootstrap.markdown import code, html
from bootstrap.platform.drills import WARNING_DAYS as DRILL_DAYS
from bootstrap.platform.drills import LastDrill
from bootstrap.platform.status.page import Page
from settings.retirements import WARNING_DAYS

_GOOD, _SOON, _BAD, _NONE = "✓", "!", "✗", "·"
_STYLES = {_GOOD: "green", _SOON: "yellow", _BAD: "bold red", _NONE: "dim"}

Row = tuple[str, str, str]
"""A mark, what it is, and what is told of it."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A heading and its rows."""

    title: str
    rows: Sequence[Row]


def sections(page: Page) -> Iterator[Section]:
    """Yield the page's sections; a part that could not be read is in the last of them."""
    if page.target != "local":
        yield Section(title="cluster", rows=[_generation(page)])
    if page.versions is not None:
        yield Section(
            title="versions",
            rows=[_version(each.what, each.version, each.days, each.supported_until) for each in page.versions],
        )
    if page.addons is not None:
        yield Section(title="addons", rows=list(_addons(page)))
    if page.certificates is not None:
        yield Section(title="certificates", rows=list(_certificates(page)) or [(_NONE, "none", "")])
    if page.applications is not None:
        yield Section(title="applications", rows=list(_applications(page)) or [(_NONE, "none", "")])
    if page.backup is not None:
        yield Section(title="backup", rows=[_backup(page)])
    if page.drill is not None:
        yield Section(title="drill", rows=[_drill(page.drill, page.stack)])
    if page.drift is not None:
        detail = "differs from the program: see above" if page.drift else "none"
        yield Section(title="drift", rows=[(_BAD if page.drift else _GOOD, "drift", detail)])
    if page.unread:
        yield Section(title="could not be read", rows=[(_SOON, each.what, each.why) for each in page.unread])


def _generation(page: Page) -> Row:
    name, asked, deployed = page.cluster or "unknown", page.generation, page.deployed_generation
    if deployed is None:
        return (_NONE, name, f"generation {asked} in the stack file; what is deployed could not be read")
    if asked != deployed:
        return (_SOON, name, f"generation {deployed}; the stack file asks for {asked}: an update is due")
    return (_GOOD, name, f"generation {deployed}")


def _version(what: str, version: str, days: int | None, until: dt.date | None) -> Row:
    if days is None:
        return (_GOOD, what, version)
    if days < 0:
        return (_BAD, what, f"{version}; support ended on {until}")
    return (_SOON if days <= WARNING_DAYS else _GOOD, what, f"{version}; supported until {until} ({days} days)")


def _addons(page: Page) -> Iterator[Row]:
    for each in page.addons or ():
        if each.version is None:
            yield (_BAD, each.name, "not installed")
            continue
        detail = f"{each.version}, revision {each.revision}, {each.status}"
        other = each.version.lstrip("v") != each.pinned.lstrip("v")
        if other:
            detail += f"; the program has {each.pinned}"
        yield (_BAD if each.status != "deployed" else _SOON if other else _GOOD, each.name, detail)


def _certificates(page: Page) -> Iterator[Row]:
    for each in page.certificates or ():
        name = f"{each.namespace}/{each.name}"
        if each.expires is None:
            yield (_BAD, name, f"not issued: {each.message}")
            continue
        detail = f"until {each.expires[:10]} ({each.days} days)"
        late = each.renews is not None and dt.datetime.fromisoformat(each.renews) < page.at
        if each.renews:
            detail += f", {'was due to renew' if late else 'renews'} {each.renews[:10]}"
        if not each.ready:
            detail += f"; not Ready: {each.message}"
        bad = not each.ready or (each.days or 0) < 0
        yield (_BAD if bad else _SOON if late else _GOOD, name, detail)


def _applications(page: Page) -> Iterator[Row]:
    for each in page.applications or ():
        detail = ", ".join(part for part in (each.revision, each.sync, each.health) if part)
        well = (each.sync, each.health) == ("Synced", "Healthy")
        moving = each.health == "Progressing" or (each.sync == "OutOfSync" and each.health == "Healthy")
        yield (
            _GOOD if well else _SOON if moving else _BAD,
            each.name,
            f"{detail}: {each.message}" if each.message else detail,
        )


def _backup(page: Page) -> Row:
    found = page.backup
    if found is None or not found.enabled:
        return (_SOON, "off", "what applications keep in volumes is lost with the cluster: backup.enabled")
    detail = f"{found.state or 'state unknown'}; {found.error}" if found.error else found.state or "state unknown"
    if found.last is None:
        return (_BAD, "none yet", detail)
    late = page.at - dt.datetime.fromisoformat(found.last) > dt.timedelta(hours=49)
    return (_BAD if found.error else _SOON if late else _GOOD, f"last {found.last[:16]}", detail)


def _drill(last: LastDrill, stack: str) -> Row:
    if last.date is None or last.days is None:
        return (_SOON, "never", f"no rebuild of {stack} has been rehearsed: docs/ci.md#drills")
    detail = f"{last.what}, {last.outcome}, {last.days} {'day' if last.days == 1 else 'days'} ago"
    if last.days < 0:
        detail = f"{last.what}, {last.outcome}; the date is yet to come"
    if last.failure:
        detail += f": {last.failure}"
    fresh = 0 <= last.days <= DRILL_DAYS
    return (_BAD if last.outcome == "failed" else _GOOD if fresh else _SOON, f"last {last.date}", detail)


def print_page(page: Page, console: Console) -> None:
    """Print the page as tables."""
    console.print(f"[bold]{escape(page.stack)}[/] ({page.target}), {page.at:%Y-%m-%d %H:%M} UTC", highlight=False)
    for section in sections(page):
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False, expand=False)
        table.add_column(width=1)
        table.add_column(max_width=max(24, console.width // 3), overflow="fold")
        table.add_column(overflow="fold")
        for mark, what, detail in section.rows:
            table.add_row(f"[{_STYLES[mark]}]{mark}[/]", escape(what), escape(detail))
        console.print(f"\n[bold]{section.title}[/]", highlight=False)
        console.print(table, highlight=False)


def to_markdown(page: Page) -> str:
    """Return the page for a pull request or a chat; every text of somebody else's is code."""
    lines = [f"## {html(page.stack)} ({page.target}), {page.at:%Y-%m-%d %H:%M} UTC", ""]
    for section in sections(page):
        lines += [f"### {section.title}", "", "| | what | |", "|---|---|---|"]
        lines += [
            f"| {mark} | {code(what)} | {code(detail) if detail else ''} |" for mark, what, detail in section.rows
        ]
        lines.append("")
    return "\n".join(lines)
