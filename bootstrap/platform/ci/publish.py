"""Publishes on GitHub what another job of the run has written: a preview's comment, an issue about drift or a drill.

    python3 -m bootstrap.platform.ci.publish comment --stack dev --pull-request 7 < comment.md

Needs nothing but Python, and is run from the branch that a change goes to: neither a package nor the change itself gets
a token that may write.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bootstrap.errors import BootstrapError
from bootstrap.markdown import fence
from bootstrap.plain import on_lines
from bootstrap.platform.ci.github import GitHub, is_ours, number_of
from bootstrap.platform.ci.markers import LIMIT, digest_in, is_stack, marker

_ISSUE_LIMIT = 20_000
"""Characters of a drift that an issue shows, with what is not seen spelled out; GitHub takes 65,536."""


@dataclass(frozen=True, kw_only=True)
class Topic:
    """What an issue can be about; ``{stack}`` is filled in."""

    title: str
    explanation: str
    """What stands above the text that a run has printed."""
    language: str
    """Of that text."""
    nothing: str
    """Reported where there is nothing to tell, and no issue either."""
    closing: str
    """The last comment before the issue is closed."""


TOPICS = {
    "drift": Topic(
        title="Stack {stack} has drifted",
        explanation="Somebody or something has changed what stack `{stack}` has built. The next deployment undoes it: "
        "put into the program what has to stay. This issue follows the nightly comparison, and closes itself.",
        language="diff",
        nothing="no drift, and no issue",
        closing="No drift any more.",
    ),
    "drill": Topic(
        title="A drill of stack {stack} has failed",
        explanation="The rebuild of stack `{stack}` that is rehearsed every month did not come to its end: a real one "
        "might not either. `make rehearse STACK={stack} REBUILD=1` repeats it without a subscription. This issue "
        "follows the drills, and closes itself with one that succeeds.",
        language="text",
        nothing="no drill has failed, and no issue",
        closing="A drill has succeeded.",
    ),
}
"""By the name that stands in an issue's marker."""


class PublishError(BootstrapError):
    """What is to be published is not what it has to be."""


def comment(github: GitHub, stack: str, pull_request: int, text: str) -> str:
    """Let a pull request have one comment about a stack's preview, and return what was done.

    Raises:
        PublishError: the text is no comment about this stack.
        GitHubError: GitHub does not do it.
    """
    if not text.startswith(f"{marker(stack)}\n") or len(text) > LIMIT:
        raise PublishError(
            f"this is not a comment of `bootstrap ci comment --stack {stack}`, of {LIMIT} characters at most"
        )
    there = [each for each in github.every(f"/issues/{pull_request}/comments") if is_ours(each, marker(stack))]
    if not there:
        github.send("POST", f"/issues/{pull_request}/comments", {"body": text})
        return "commented"
    # two runs at once may both have found none
    for surplus in there[1:]:
        github.send("DELETE", f"/issues/comments/{number_of(surplus, 'id')}")
    if there[0]["body"] == text:
        return "the comment is there already"
    github.send("PATCH", f"/issues/comments/{number_of(there[0], 'id')}", {"body": text})
    return "edited the comment"


def reviewed(github: GitHub, stack: str, commit: str) -> str | None:
    """Return the digest of the preview that was reviewed before a commit was merged; None where there was none.

    Raises:
        GitHubError: GitHub does not answer.
    """
    for pull in github.every(f"/commits/{commit}/pulls"):
        # a commit can be part of other pull requests too, and of such as are not merged
        if pull.get("merged_at") and pull.get("merge_commit_sha") == commit:
            for each in github.every(f"/issues/{number_of(pull, 'number')}/comments"):
                if is_ours(each, marker(stack)):
                    return digest_in(str(each["body"]))
    return None


def labels(github: GitHub, pull_request: int) -> str:
    """Return a pull request's labels, as an event of ``pull_request`` has them: of an older one they may be others.

    Raises:
        GitHubError: GitHub does not answer.
    """
    found = [{"name": each.get("name")} for each in github.every(f"/issues/{pull_request}/labels")]
    return json.dumps({"pull_request": {"labels": found}})


def issue(github: GitHub, stack: str, detail: str | None, about: str = "drift") -> str:
    """Let there be one open issue about a stack's drift, or its failed drill, or none, and return what was done.

    Args:
        github: the repository.
        stack: the stack.
        detail: how it differs, or what failed; None where nothing does.
        about: one of :data:`TOPICS`.

    Raises:
        GitHubError: GitHub does not do it.
    """
    mark, topic = marker(stack, about), TOPICS[about]
    listed = github.every("/issues?state=open&creator=github-actions%5Bbot%5D")
    there = [each for each in listed if "pull_request" not in each and is_ours(each, mark)]
    if detail is None:
        for each in there:
            path = f"/issues/{number_of(each, 'number')}"
            github.send("POST", f"{path}/comments", {"body": topic.closing})
            github.send("PATCH", path, {"state": "closed", "state_reason": "completed"})
        return "closed the issue" if there else topic.nothing
    body = issue_text(stack, detail, about)
    if not there:
        made = github.send("POST", "/issues", {"title": topic.title.format(stack=stack), "body": body})
        return f"opened issue {number_of(made, 'number')}"
    if there[0]["body"] == body:
        return "the issue is there already"
    number = number_of(there[0], "number")
    github.send("PATCH", f"/issues/{number}", {"body": body})
    return f"edited issue {number}"


def issue_text(stack: str, detail: str, about: str = "drift") -> str:
    """Return what such an issue says; see :func:`issue`."""
    topic = TOPICS[about]
    shown = on_lines(detail.strip("\n").rstrip())
    cut = (
        ["", f"The rest, {len(shown) - _ISSUE_LIMIT} characters, is in the run's log."]
        if len(shown) > _ISSUE_LIMIT
        else []
    )
    return "\n".join(
        [
            marker(stack, about),
            topic.explanation.format(stack=stack),
            "",
            *fence(shown[:_ISSUE_LIMIT].split("\n"), topic.language),
            *cut,
            "",
        ]
    )


def _given() -> str:
    # what was cut to its first bytes may end within a letter
    return sys.stdin.buffer.read().decode(errors="replace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; returns the exit status."""
    parser = argparse.ArgumentParser(prog="bootstrap ci publish", description="Publish on GitHub what a run has found.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (
        ("comment", "the one comment about a preview, from standard input"),
        ("labels", "print the labels that a pull request has now, as JSON"),
        ("reviewed", "print the digest that was reviewed before a commit was merged"),
        ("issue", "the one issue about drift or a drill, from standard input; nothing there closes it"),
    ):
        command = commands.add_parser(name, help=what)
        if name != "labels":
            command.add_argument("--stack", required=True)
        if name in {"comment", "labels"}:
            command.add_argument("--pull-request", required=True, type=int)
        if name == "issue":
            command.add_argument("--about", choices=TOPICS, default="drift")
        if name == "reviewed":
            command.add_argument("--commit", required=True)
    given = parser.parse_args(arguments)
    try:
        if given.command != "labels" and not is_stack(given.stack):
            raise PublishError(f"--stack: got {given.stack!r}; allowed: a stack's name")
        github = GitHub.of_run()
        if given.command == "comment":
            print(comment(github, given.stack, given.pull_request, _given()))  # noqa: T201 - its result
        elif given.command == "labels":
            print(labels(github, given.pull_request))  # noqa: T201 - its result
        elif given.command == "reviewed":
            print(reviewed(github, given.stack, given.commit) or "")  # noqa: T201 - its result
        else:
            print(issue(github, given.stack, _given().strip() or None, given.about))  # noqa: T201 - its result
    except BootstrapError as error:
        print(f"error: {on_lines(str(error))}", file=sys.stderr)  # noqa: T201 - as cli.py does
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
