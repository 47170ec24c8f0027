"""Imported before the SDKs: a run loads what it uses of them, and no garbage is collected meanwhile.

Most of a preview's Python time would go into importing what it never uses: the ``__init__`` of an SDK's namespace, such
as ``pulumi_azure_native.network``, imports all of its modules, 290 where the program needs six. A finder gives these
packages a loader that imports a module when a name is read from its package (PEP 562), and leaves whatever it does not
find that way to the SDK's own ``__init__``. Nothing in the SDKs is replaced, and imports read as they always do.

The engine ends a program with SIGINT once a resource has failed, and says why: a traceback of that would only stand
between the lines of the real error.

What the SDKs define lives until the process ends. Python's garbage collector would look through all of it again and
again as it is imported, and once more at the end.
"""

import atexit
import gc
import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import LazyLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

_DEPTHS = {"pulumi_azure_native": 2, "pulumi_kubernetes": 3}
"""How many names lead to a namespace: ``pulumi_azure_native.network``, ``pulumi_kubernetes.core.v1``."""

_RARELY_USED = ("pulumi.automation", "pulumi.dynamic")
"""What ``import pulumi`` imports and a program does not use; the first brings YAML, the second dill."""


class _Finder(MetaPathFinder):
    """Chooses the loader of the SDKs' packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        names = fullname.split(".")
        namespace = len(names) == _DEPTHS.get(names[0])
        if not namespace and fullname not in _RARELY_USED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None or not spec.submodule_search_locations:
            return spec
        if not namespace:
            spec.loader = LazyLoader(spec.loader)
        elif isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Namespace(fullname, spec.loader.path)
        return spec


class _Namespace(SourceFileLoader):
    """Loads a package of generated modules name by name."""

    def exec_module(self, module: ModuleType) -> None:
        stems = {path.stem for path in Path(self.path).parent.glob("*.py")}
        modules = {stem.replace("_", "").lower(): stem for stem in stems}
        there = vars(module)
        whole = super().exec_module

        def read(name: str) -> object:
            if name in ("_enums", "_inputs", "outputs"):
                return importlib.import_module(f"{module.__name__}.{name}")
            if name.startswith("__") and name != "__all__":
                raise AttributeError(name)
            # a resource or a function is in a file of its own, an enum or a nested type in one with all the others
            own = modules.get(name.removesuffix("_output").replace("_", "").lower())
            for stem in (own, "_enums", "_inputs"):
                if stem in stems:
                    leaf = importlib.import_module(f"{module.__name__}.{stem}")
                    there.update({public: vars(leaf)[public] for public in leaf.__all__})  # as `import *` does
                    if name in leaf.__all__:
                        return there[name]
            if there.pop("__getattr__", None):
                whole(module)
            return getattr(module, name)

        there["__getattr__"] = read


class _OnDemand(ModuleType):
    """Stands for a module until something of it is used.

    ``LazyLoader`` would leave an entry in ``sys.modules``, which ``inspect`` goes through, and so loads everything.
    """

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self.__name__), attribute)


def on_demand(name: str) -> ModuleType:
    """Return a module that is imported when something of it is first used.

    Args:
        name: its full name.
    """
    return _OnDemand(name)


def _show(type_: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what ended the process, unless somebody interrupted it."""
    if not issubclass(type_, KeyboardInterrupt):
        sys.__excepthook__(type_, error, trace)


sys.excepthook = _show
gc.disable()
atexit.register(gc.freeze)
sys.meta_path.insert(0, _Finder())
