"""What Kubernetes takes for labels and taints.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set and
https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

import re
from typing import Annotated, NamedTuple

from settings.forms import Form

_NAME = "[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_SUBDOMAIN = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
_KEY = f"(?:{_SUBDOMAIN}/)?{_NAME}"
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def _key_hint(key: str) -> str | None:
    prefix, slash, name = key.rpartition("/")
    if slash and not re.fullmatch(_SUBDOMAIN, prefix):
        return f"the prefix {prefix!r} has to be a lower-case DNS name"
    return f"the name {name!r} has 63 characters at most, and a letter or digit at both ends"


def _long_prefix(key: str) -> str | None:
    return "the prefix has 253 characters at most" if key.find("/") > 253 else None


def reserved_prefix(key: str) -> str | None:
    """Return the prefix of a label's key that belongs to AKS or Kubernetes."""
    prefix = key.rpartition("/")[0]
    owned = ("kubernetes.azure.com", "kubernetes.io", "k8s.io")
    return prefix if any(prefix == owner or prefix.endswith(f".{owner}") for owner in owned) else None


def _reserved(key: str) -> str | None:
    prefix = reserved_prefix(key)
    return f"the prefix {prefix}/ belongs to AKS or Kubernetes: use your own" if prefix else None


class Taint(NamedTuple):
    """A taint in its parts."""

    key: str
    value: str
    effect: str


def taint_of(text: str) -> Taint:
    """Take a taint of the right form apart."""
    key, _, effect = text.rpartition(":")
    name, _, value = key.partition("=")
    return Taint(name, value, effect)


def _taint_hint(text: str) -> str | None:
    key, colon, effect = text.rpartition(":")
    if not colon:
        return f"its effect is missing: {text}:NoSchedule"
    if effect not in _EFFECTS:
        near = next((known for known in _EFFECTS if known.casefold() == effect.strip().casefold()), None)
        return f"{effect!r} is no effect" + (f": write {near}" if near else "")
    if re.search(r"\s", text):
        return "without blanks"
    name, _, value = key.partition("=")
    if not re.fullmatch(_KEY, name):
        return f"the key {name!r} has to be one that a label may have"
    return f"the value {value!r} has 63 characters at most, and a letter or digit at both ends"


def _taint_of_aks(text: str) -> str | None:
    """https://learn.microsoft.com/azure/aks/spot-node-pool: AKS adds the taint of spot pools."""
    prefix = taint_of(text).key.rpartition("/")[0]
    if prefix == "kubernetes.azure.com" or prefix.endswith(".kubernetes.azure.com"):
        return "AKS sets taints with this prefix by itself, that of spot pools too: leave it out"
    return None


LabelKey = Annotated[
    str,
    Form(
        _KEY,
        "a Kubernetes label's key such as team or example.com/team",
        hints=(_key_hint,),
        refused=(_long_prefix, _reserved),
    ),
]
LabelValue = Annotated[
    str,
    Form(
        f"(?:{_NAME})?",
        "a Kubernetes label's value: at most 63 letters, digits, hyphens, underscores and dots, with a letter or digit "
        "at both ends",
    ),
]
TaintText = Annotated[
    str,
    Form(
        f"{_KEY}(?:=(?:{_NAME})?)?:(?:NoSchedule|PreferNoSchedule|NoExecute)",
        "key=value:Effect, where Effect is NoSchedule, PreferNoSchedule or NoExecute",
        hints=(_taint_hint,),
        refused=(_taint_of_aks,),
    ),
]
