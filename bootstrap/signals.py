"""What a command does when it is ended from outside."""

import signal
import threading
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def ends_tidily(command: Callable[P, T]) -> Callable[P, T]:
    """Let a command remove its temporary folders when it gets SIGTERM, as it does at Ctrl-C.

    Not for commands that wait for Pulumi: it would be killed, in the middle of an operation, before they end.
    """

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if threading.current_thread() is not threading.main_thread():
            return command(*args, **kwargs)
        before = signal.signal(signal.SIGTERM, _end)
        try:
            return command(*args, **kwargs)
        finally:
            signal.signal(signal.SIGTERM, before)

    return run


def _end(number: int, _: object) -> NoReturn:
    # a second one, as from an impatient runner, ends it at once
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise SystemExit(128 + number)
