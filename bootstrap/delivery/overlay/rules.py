"""``gitops/overlay.yaml``: what environments are meant to differ in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bootstrap.delivery.clusters import known_environments
from bootstrap.delivery.gitops import applications
from bootstrap.delivery.manifests import parse_mapping, read_text
from bootstrap.delivery.overlay.paths import matches
from bootstrap.errors import GitOpsError, StackFileError
from conventions import GITOPS_FOLDER

FILE = Path(GITOPS_FOLDER) / "overlay.yaml"


class _Application(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    differs: list[str] = Field(default_factory=list)
    per_environment: list[str] = Field(default_factory=list, alias="perEnvironment")
    unread: list[str] = Field(default_factory=list)


class RulesFile(BaseModel):
    """The whole file, as its comments describe it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    differs: list[str] = Field(default_factory=list)
    per_environment: list[str] = Field(default_factory=list, alias="perEnvironment")
    unread: list[str] = Field(default_factory=list)
    follows: dict[str, str] = Field(default_factory=dict)
    protected: list[str] = Field(default_factory=list)
    """Environments that `bootstrap promote` changes by pull request only."""
    apps: dict[str, _Application] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for one application."""

    differs: Sequence[str] = ()
    """Patterns of paths in which environments may differ."""
    per_environment: Sequence[str] = ()
    """Patterns of paths that stand in every environment's file, whatever they say."""
    unread: Sequence[str] = ()
    """Patterns of paths that something other than the chart's templates reads."""
    follows: dict[str, str] = field(default_factory=dict)
    """Environments, each with the one in which its images ran before."""

    def may_differ(self, path: Sequence[str]) -> bool:
        """Whether environments may differ in a path."""
        return any(matches(path, pattern) for pattern in (*self.differs, *self.per_environment))

    def stays(self, path: Sequence[str]) -> bool:
        """Whether a path stands in every environment's file."""
        return any(matches(path, pattern) for pattern in self.per_environment)

    def read_elsewhere(self, path: Sequence[str]) -> bool:
        """Whether something other than the chart's templates reads a path."""
        return any(matches(path, pattern) for pattern in self.unread)


def read_rules(root: Path, app: str) -> Rules:
    """Read the rules of one application; with no file nothing may differ.

    Raises:
        GitOpsError: the file is not what it has to be; all mistakes at once.
    """
    if not (root / FILE).exists() and not (root / FILE).is_symlink():
        return Rules()
    read = read_file(root)
    own = read.apps.get(app, _Application())
    return Rules(
        differs=[*read.differs, *own.differs],
        per_environment=[*read.per_environment, *own.per_environment],
        unread=[*read.unread, *own.unread],
        follows=read.follows,
    )


def read_file(root: Path) -> RulesFile:
    """Read the rules of all applications.

    Raises:
        GitOpsError: the file is not what it has to be; all mistakes at once.
    """
    read = parse_file(read_text(root / FILE, FILE))
    if unknown := list(_unknown(root, read)):
        raise GitOpsError("\n".join(f"{FILE}: {mistake}" for mistake in unknown))
    return read


def parse_file(text: str) -> RulesFile:
    """Read the file's text, as far as that can be done without the project's other files.

    Raises:
        GitOpsError: it is not what it has to be; all mistakes at once.
    """
    try:
        return RulesFile.model_validate(parse_mapping(text, FILE))
    except ValidationError as error:
        mistakes = [f"{FILE}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise GitOpsError("\n".join(mistakes)) from None


def _unknown(root: Path, read: RulesFile) -> Iterator[str]:
    """Yield names of what is not there: a rule about it would hold for nothing, and nobody would notice."""
    environments = _environments(root)
    for names, there, what in (
        (
            ((f"follows.{key}", name) for key, pair in read.follows.items() for name in (key, pair)),
            environments,
            "environment",
        ),
        (
            ((f"protected.{index}", name) for index, name in enumerate(read.protected)),
            environments,
            "environment",
        ),
        (((f"apps.{name}", name) for name in read.apps), applications(root), "application"),
    ):
        for path, name in names:
            if there is not None and name not in there:
                yield f"{path}: there is no {what} {name!r}; there are: {', '.join(there) or 'none'}"
    for name in read.follows:
        before, seen = read.follows.get(name), {name}
        while before is not None and before not in seen:
            seen.add(before)
            before = read.follows.get(before)
        if before == name:
            yield f"follows.{name}: follows itself, through {read.follows[name]}"


def _environments(root: Path) -> list[str] | None:
    """Return the environments; None where a stack file cannot be read, which whoever needs its cluster reports."""
    try:
        return known_environments(root)
    except (GitOpsError, StackFileError):
        return None
