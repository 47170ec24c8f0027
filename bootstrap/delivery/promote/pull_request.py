"""A promotion that people merge: a branch of a fixed name, and its pull request."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from bootstrap.delivery.promote.answer import Answer, Pushed
from bootstrap.delivery.promote.command import redact
from bootstrap.delivery.promote.edit import diff
from bootstrap.delivery.promote.git import Repository, text_of
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.errors import GitError, RefusedError
from bootstrap.markdown import fence


class Proposal(NamedTuple):
    """A branch that carries the change."""

    commit: str
    answer: Answer | None
    """What the remote said; None where the branch carried this very change already."""


def branch_of(request: Request) -> str:
    """Return the one branch of all promotions of an application to an environment."""
    return f"promote/{request.app}-{request.environment}"


def propose(repository: Repository, edit: Edit, request: Request, head: str | None) -> Proposal:
    """Make the branch carry the change on top of the main branch's tip, and nothing else.

    A branch that shows this very change already is left as it is, however far the main branch moved on: pushing it
    again would throw away its reviews and checks.

    Args:
        repository: where the branch is.
        edit: the change.
        request: what is promoted.
        head: the branch's tip; None where there is no such branch.

    Raises:
        RefusedError: the branch holds somebody's own commits.
    """
    branch = branch_of(request)
    if head is not None:
        ours = (f"{request.title} ", f'Revert "{request.title} ')
        subjects = repository.run("log", "--no-merges", "--format=%h %s", head, f"^{edit.tip}").splitlines()
        foreign = [line for line in subjects if not line.partition(" ")[2].startswith(ours)]
        if foreign:
            raise RefusedError(
                f"the branch {branch} has commits that are not of a promotion ({foreign[0]}): merge it, or delete it"
            )
        if _shows(repository, head, edit):
            return Proposal(head, None)
    commit = repository.commit(edit.tip, edit.file, edit.mode, edit.new.encode(), request.message(edit))
    # the branch is ours alone: what it was before may go, if it is still what we looked at
    return Proposal(commit, repository.push(commit, branch, replaces=head or ""))


def _shows(repository: Repository, head: str, edit: Edit) -> bool:
    base = repository.ask("merge-base", head, edit.tip)
    for commit, text in ((base, edit.old), (head, edit.new)):
        found = repository.files(commit, edit.file).get(edit.file) if commit else None
        if found is None or text_of(repository, edit.file, found) != text:
            return False
    return True


def open_request(root: Path, url: str, edit: Edit, request: Request) -> str | None:
    """Create the branch's pull request on GitHub, or update the open one, and return its address.

    None where there is no `gh`, or the remote is not on GitHub.

    Raises:
        GitError: `gh` fails; the text is its own.
    """
    where = _github(url)
    if where is None or shutil.which("gh") is None:
        return None
    host, name = where
    branch, title = branch_of(request), request.subject(edit)
    said = _gh(
        root,
        "pr",
        "list",
        "--repo",
        f"{host}/{name}",
        "--head",
        branch,
        "--base",
        request.branch,
        "--state",
        "open",
        "--json",
        "number,url,isCrossRepository",
    )
    # a fork's branch may have the same name
    try:
        there = [found for found in json.loads(said) if not found["isCrossRepository"]]
    except (ValueError, TypeError, KeyError):
        raise GitError(f"`gh pr list` answers something else than pull requests: {said[:60]!r}") from None
    if not there:
        created = _gh(
            root,
            "pr",
            "create",
            "--repo",
            f"{host}/{name}",
            "--head",
            branch,
            "--base",
            request.branch,
            "--title",
            title,
            "--body-file",
            "-",
            given=body(edit, request),
        )
        return created.strip().splitlines()[-1]
    # `gh pr edit` asks for more than a workflow's token may read (https://github.com/cli/cli/issues/6274)
    changed = json.dumps({"title": title, "body": body(edit, request)})
    path = f"repos/{name}/pulls/{there[0]['number']}"
    _gh(root, "api", "--hostname", host, "--method", "PATCH", path, "--silent", "--input", "-", given=changed)
    return str(there[0]["url"])


def how_to_open(url: str, request: Request, answer: Answer | None) -> str:
    """Say where a pull request is opened by hand."""
    branch = branch_of(request)
    if where := _github(url):
        page = f"https://{where[0]}/{where[1]}/compare/{quote(request.branch)}...{quote(branch)}?expand=1"
        return f"open the pull request: {page}"
    azure = re.search(r"dev\.azure\.com[:/](?:v3/)?([^/]+)/([^/]+)/(?:_git/)?([^/]+)$", url)
    if azure:
        organisation, project, name = azure.groups()
        page = f"https://dev.azure.com/{organisation}/{project}/_git/{name}/pullrequestcreate"
        return f"open the pull request: {page}?sourceRef={quote(branch, '')}&targetRef={quote(request.branch, '')}"
    # GitLab, Gitea and Bitbucket answer a push with the page's address
    pages = re.findall(r"https?://\S+", answer.text) if answer and answer.outcome is Pushed.ACCEPTED else []
    return f"open a pull request from {branch} into {request.branch}" + (f": {pages[0]}" if pages else "")


def body(edit: Edit, request: Request) -> str:
    """Return a pull request's text: the change, and where it comes from."""
    trailers = request.message(edit).split("\n", 1)[1].strip()
    return "\n".join(
        [
            *fence(diff(edit).split("\n"), "diff"),
            "",
            *([*fence(trailers.split("\n")), ""] if trailers else []),
            "`bootstrap promote` keeps this up to date: as long as it is open, the next promotion replaces it.",
        ]
    )


def _github(url: str) -> tuple[str, str] | None:
    """Return the host and ``owner/name`` of a repository on GitHub."""
    found = re.fullmatch(r"(?:\w+://|)(?:[^@/]+@)?([\w.-]+)(?::\d+/|[:/])([\w.-]+/[\w.-]+?)(?:\.git)?/?", url)
    if not found:
        return None
    host, name = found.groups()
    on_github = "github" in host or host.endswith(".ghe.com") or host == os.environ.get("GH_HOST")
    return (host, name) if on_github else None


def _gh(root: Path, *command: str, given: str = "") -> str:
    done = subprocess.run(
        ["gh", *command],
        cwd=root,
        input=given,
        env={**os.environ, "GH_PROMPT_DISABLED": "1", "NO_COLOR": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise GitError(
            f"the branch is pushed, and its pull request is not there: `gh {' '.join(command[:2])}` says "
            f"{redact(done.stderr.strip()) or f'nothing (exit status {done.returncode})'}; run this again"
        )
    return done.stdout
