"""The error of a rehearsal, with text for its users."""


class RehearsalError(Exception):
    """The rehearsal cannot start, or a program that it runs failed; the text names the cause."""
