"""Files that nobody but their owner may read."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Take from others the right to read what is created meanwhile, by this process and those that it starts.

    State, kubeconfigs, logs and import files say more of an environment than its users need to know. A decorator too.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)
