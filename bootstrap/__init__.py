"""The command line around ``pulumi``."""

import startup  # noqa: F401 - first: Ctrl-C shows no traceback from then on
