"""What makes a run start sooner: no garbage collection while the SDKs define their classes, and modules on demand.

Pulumi's SDKs define tens of thousands of objects that live until the process ends. Python's garbage collector looks
through all of them again and again while they are imported, and once more at the end: two fifths of a preview.
"""

import atexit
import gc
import importlib
from types import ModuleType
from typing import Any

gc.disable()
atexit.register(gc.freeze)  # nor is any of it looked through as the process ends


class _OnDemand(ModuleType):
    """Stands for a module until something of it is used.

    The standard library's ``LazyLoader`` would do the same with an entry in ``sys.modules``, which ``inspect`` looks
    through, and so loads everything there, whenever pydantic reads the docstrings of a model.
    """

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - whatever the module holds
        return getattr(importlib.import_module(self.__name__), attribute)


def on_demand(name: str) -> ModuleType:
    """Return a module that is imported when something of it is first used.

    Args:
        name: its full name.
    """
    return _OnDemand(name)
