"""Secrets that a stack file must not hold in plain: chart values are in the plan and in the state as they are."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from conventions import NAMESPACE
from settings.addons import ChartOverride, Charts
from settings.words import holds_secret

_NAMES = re.compile(
    r"(password|passwd|pwd|passphrase|token|secret|secretkey|apikey|accesskey|privatekey|credentials?|connectionstring)$",
    re.IGNORECASE,
)
_REFERENCES = re.compile(
    r"(existing|name|ref|key|path|file|class|store|annotations?|labels?|enabled|provider)$|^\$|^\{\{", re.IGNORECASE
)


def warnings_of(charts: Charts) -> Iterator[str]:
    """Yield a warning for every chart value that looks like a secret in plain, with the way by the vault."""
    for name, field in Charts.model_fields.items():
        override = getattr(charts, name)
        if isinstance(override, ChartOverride):
            for path in _plain(override.values, f"{field.alias}.values"):
                yield (
                    f"{NAMESPACE}:charts.{path} looks like a secret, and is in the plan and the state in plain; put it "
                    "into the vault, let an ExternalSecret (for Argo CD, of store 'argocd') make a Secret of it, and "
                    "name that here"
                )


def _plain(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _plain(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _plain(item, f"{path}[{index}]")
    elif isinstance(value, str) and value:
        key = re.sub(r"[-_]", "", path.rpartition(".")[2])
        if holds_secret(value) or (_NAMES.search(key) and not _REFERENCES.search(value)):
            yield path
