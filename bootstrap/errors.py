"""What goes wrong in the command line, in words for its users. Nothing here shows a traceback."""


class BootstrapError(Exception):
    """Something the user can act on; the text says what. ``exit_code`` ends the command."""

    exit_code = 1


class StreamError(BootstrapError):
    """Standard output does not take the result."""


class StackFileError(BootstrapError):
    """A project or stack file is missing or is not what Pulumi takes."""


class RevisionError(BootstrapError):
    """A Git revision cannot be read."""


class MissingToolError(BootstrapError):
    """A program that a command needs is not there; the text says which, and where it comes from."""


class UpError(BootstrapError):
    """A run of Pulumi cannot start, or failed; the text says what to do."""


class NotServingError(BootstrapError):
    """A stack is up, and does not do what it is for; what was found has been printed."""

    exit_code = 2


class GitError(BootstrapError):
    """Git, or the host of a repository, did not do what a command needs; the text is its own."""


class RefusedError(BootstrapError):
    """A rule forbids the request; nothing was changed."""

    exit_code = 2


class OvertakenError(BootstrapError):
    """Somebody else was first, again and again or with something newer; nothing was changed."""

    exit_code = 3


class ImageMissingError(BootstrapError):
    """The registry does not have the image; nothing was changed."""

    exit_code = 4


class GitOpsError(BootstrapError):
    """Something in ``gitops/`` is not what it has to be; the text names the file."""


class RenderError(BootstrapError):
    """What an application is made of cannot be rendered; the text is that of the program that renders it."""


class HelmError(RenderError):
    """Helm refuses a chart or its values; the text is Helm's own."""


class KustomizeError(RenderError):
    """Kustomize refuses an overlay; the text is Kustomize's own."""


class ChartFetchError(RenderError):
    """A chart cannot be had from its repository; the text says which, from where, and why."""
