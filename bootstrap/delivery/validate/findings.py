"""One thing that ``bootstrap validate`` refuses."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One place that is not what it has to be."""

    where: str
    """A file, or an application with its environment and object."""
    path: str
    """The field; empty for the whole."""
    message: str

    def to_json(self) -> dict[str, str]:
        """Return the stable form that programs read."""
        return {"where": self.where, "path": self.path, "message": self.message}
