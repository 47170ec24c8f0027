"""The controls of the benchmarks, and what answers each: ``controls.yaml``, checked."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bootstrap.errors import BootstrapError
from policy.checked import Pattern, PolicyFileError, read

PATH = Path(__file__).parent / "controls.yaml"


class ControlsError(BootstrapError):
    """The list of controls cannot be read; the text names the entry."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Must(_Model):
    """What a value has to be: exactly one of these."""

    equals: Any = None
    contains: str | None = None
    """Text that is in it, or in one of its items."""
    differs: Any = Field(default=None, alias="not")
    present: Literal[True] | None = None
    absent: Literal[True] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError(
                f"got {sorted(self.model_fields_set)}; allowed: one of equals, contains, not, present, absent"
            )
        return self


class Planned(_Model):
    """A property in the plan that answers a control, or a rule of ``policy/rules`` that every resource keeps."""

    of: str | None = None
    """Type of the resources, as ``Resource.is_a`` takes it."""
    name: Pattern = ""
    """Regular expression that occurs in their logical names."""
    path: str | None = None
    must: Must | None = None
    rule: str | None = None
    """Name of the rule that decides; with ``of`` and ``path`` the values that it looks at are shown."""
    optional: bool = False
    """Whether there may be no such resource, as where a stack has no registry."""

    @model_validator(mode="after")
    def _decided(self) -> Self:
        if (self.rule is None) == (self.must is None):
            raise ValueError("got both or neither; allowed: a rule, or must")
        if (self.of is None) != (self.path is None) or (self.must is not None and self.of is None):
            raise ValueError("allowed: of together with path, and must with both")
        return self


class LiveAzure(_Model):
    """What Azure has: `az resource show`, which reads."""

    of: str
    """Type of the planned resource, whose id is asked for."""
    name: Pattern = ""
    query: str
    """JMESPath in Azure's answer: https://learn.microsoft.com/cli/azure/use-azure-cli-successfully-query."""
    must: Must


class LiveKubelet(_Model):
    """What the kubelet of a node runs with: its ``configz``, by way of the API server.

    https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
    """

    kubelet: str
    """Path below ``kubeletconfig``."""
    must: Must


class LiveObjects(_Model):
    """What the cluster has: `kubectl get`, which reads."""

    get: tuple[str, ...]
    """Arguments of `kubectl get`."""
    path: str
    """In each item."""
    must: Must
    names: Pattern = ""
    """Regular expression; it has to be all of an item's name. Every item where it is left out."""


class Control(_Model):
    """One control of a benchmark."""

    id: str
    title: str
    """In our words."""
    responsibility: Literal["stack", "azure"] = "stack"
    """Who makes what it is about: this program's resources, or AKS, which the plan only chooses."""
    planned: tuple[Planned, ...] = ()
    """What answers it; where there is none, an exception has to."""
    test: Annotated[str, Field(pattern=r"^tests/[\w/]+\.py::test_\w+$")] | None = None
    """The test that holds it."""
    live: LiveAzure | LiveKubelet | LiveObjects | None = None

    @model_validator(mode="after")
    def _held(self) -> Self:
        if bool(self.planned) != (self.test is not None):
            raise ValueError("allowed: a test for what is planned, and none where nothing is")
        return self


class Benchmark(_Model):
    """A list of controls that somebody else has made."""

    id: str
    """Begins the ids of its controls in ``policy/exceptions.yaml``."""
    name: str
    version: str
    source: str
    """Where the list was taken from: a URL with the commit."""
    controls: tuple[Control, ...]


def read_benchmarks(path: Path = PATH) -> list[Benchmark]:
    """Read the controls.

    Raises:
        ControlsError: an entry lacks something, or has something that nobody knows.
    """
    try:
        return read(path, list[Benchmark])
    except PolicyFileError as error:
        raise ControlsError(str(error)) from None
