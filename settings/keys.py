"""Keys of a configuration that are not ours, and look as if they were meant to be."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from conventions import ENVIRONMENT_PATTERN, NAMESPACE
from settings.report import Problem
from settings.words import plain, show

_OWNED = frozenset({"pulumi", "azure-native", "azure", "azuread", "azapi", "kubernetes", "random", "tls", "command"})
"""Namespaces of Pulumi and of providers, whose keys are theirs to check."""

_WORDS = re.compile("dev|test|tst|qa|uat|acc|stag|stg|prod|prd|local|sandbox|demo")
"""What names of environments are made of."""


def stray_keys(keys: Iterable[str], ours: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for every key that is silently dropped, as its namespace is nearly ours.

    Args:
        keys: full keys of the configuration.
        ours: our own keys, without the namespace.
    """
    for full in keys:
        namespace, colon, key = full.partition(":")
        if not colon or namespace in (NAMESPACE, *_OWNED):
            continue
        if ":" in key:
            yield Problem((full,), f"got two colons; allowed: a namespace and a key, such as {NAMESPACE}:dns")
        elif _nearly_ours(namespace) or (key in ours and key not in ("local", "network", "registry", "cluster")):
            yield Problem(
                (full,), f"got the namespace {show(namespace)}, which nobody reads; did you mean {NAMESPACE}:{key}?"
            )


def _nearly_ours(namespace: str) -> bool:
    folded = re.sub(r"[^a-z]", "", plain(namespace).casefold())
    wanted = NAMESPACE.replace("-", "")
    return folded.startswith("aks") or difflib.SequenceMatcher(None, folded, wanted).ratio() > 0.75


def misplaced(environment: str, stack: str, folder: Path = Path()) -> Iterator[Problem]:
    """Yield a problem where a stack calls itself by the name of another: it would take that one's Azure names.

    A stack may be called more than its environment (``prod-eu``), or its environment may be short for it.

    Args:
        environment: what the stack file says.
        stack: the stack's name.
        folder: where stack files are.
    """
    if environment == stack or _short(environment, stack) or _short(stack, environment):
        return
    # only a name that could be a file's
    named = re.fullmatch(ENVIRONMENT_PATTERN, environment) is not None
    another = named and (folder / f"Pulumi.{environment}.yaml").exists()
    if another or (_WORDS.search(environment) and _WORDS.search(stack)):
        yield Problem(
            ("environment",),
            f"got {show(environment)} in stack {stack!r}; allowed: {stack!r} or short for it, as two stacks of one "
            "environment would take each other's Azure names",
        )


def _short(short: str, name: str) -> bool:
    """Whether the letters of one stand in the other in their order, from the first on."""
    rest = iter(name)
    return short[:1] in name and all(letter in rest for letter in short)
