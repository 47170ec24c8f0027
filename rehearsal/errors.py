"""What goes wrong on a rehearsal, in words for its users."""


class RehearsalError(Exception):
    """The rehearsal cannot start, or what it drives failed; the text says what."""
