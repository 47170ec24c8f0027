"""What goes wrong on a rehearsal, in words for its users."""

from bootstrap.errors import BootstrapError


class RehearsalError(BootstrapError):
    """The rehearsal cannot start, or what it drives failed; the text says what."""
