"""What rules of many kinds share: reading a field, and the forms of its value."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bootstrap.delivery.manifests import entries
from bootstrap.delivery.validate.structure import Mistake

Fields = Mapping[str, Any]
Found = Iterator[Mistake]

INT32 = 2**31 - 1


@dataclass(frozen=True)
class Format:
    """A form that text has to have."""

    pattern: str
    longest: int
    words: str

    def fits(self, value: str) -> bool:
        """Whether a text has the form."""
        return len(value) <= self.longest and re.fullmatch(self.pattern, value, re.ASCII) is not None


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

# staging/src/k8s.io/apimachinery/pkg/util/validation/validation.go; lengths of RFC 1123, 1035 and 6335
LABEL = Format(_LABEL, 63, "at most 63 of a-z, 0-9 and -, with a letter or digit at both ends")
SUBDOMAIN = Format(
    rf"{_LABEL}(\.{_LABEL})*", 253, "at most 253 of a-z, 0-9, - and ., with a letter or digit around each ."
)
WILDCARD = Format(rf"\*\.{_LABEL}(\.{_LABEL})*", 253, "*. and a DNS name")
PORT_NAME = Format(
    "(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*", 15, "at most 15 of a-z, 0-9 and single -, with a letter among them"
)
LABEL_VALUE = Format(
    f"({_QUALIFIED})?", 63, "at most 63 of letters, digits, -, _ and ., with a letter or digit at both ends"
)
ENVIRONMENT = Format("[ -<>-~]+", INT32, "printable ASCII without =")
CONFIG_KEY = Format(r"(?!\.\.?$|\.\.)[-._a-zA-Z0-9]+", 253, "at most 253 of letters, digits, -, _ and .")

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE]))?", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def is_qualified_name(key: str) -> bool:
    """Whether a text is a key of labels: a name of at most 63 characters, behind a DNS name and a slash if any.

    IsQualifiedName in apimachinery's validation.go.
    """
    prefix, slash, name = key.rpartition("/")
    return Format(_QUALIFIED, 63, "").fits(name) and (SUBDOMAIN.fits(prefix) if slash else True)


def quantity(value: object) -> Decimal | None:
    """Return the number that a quantity such as ``100m`` stands for; None where it is none.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    """
    found = _QUANTITY.fullmatch(str(value))
    if not found:
        return None
    number, exponent, suffix = Decimal(found[1]), found[2], found[3] or ""
    if exponent:
        return number.scaleb(int(exponent[1:]))
    if suffix.endswith("i"):
        return number * Decimal(1024) ** ("KMGTPE".index(suffix[0]) + 1)
    return number.scaleb(_DECIMAL.get(suffix, 0))


def items(fields: Fields, key: str, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the fields of every item of a list."""
    for index, item in enumerate(entries(fields.get(key))):
        yield f"{path}.{key}[{index}]", item


def integer(fields: Fields, path: str, *keys: str, least: int = 0, most: int = INT32) -> Found:
    """Yield integers that are out of bounds."""
    for key in keys:
        value = fields.get(key)
        if value is not None and not least <= value <= most:
            bounds = f"{least} to {most}" if most != INT32 else f"{least} or more"
            yield Mistake(path=f"{path}.{key}", text=f"got {value}; allowed: {bounds}")


def choice(fields: Fields, path: str, key: str, *allowed: str) -> Found:
    """Yield a text that is none of those allowed; an empty one counts as absent."""
    if fields.get(key) and fields[key] not in allowed:
        yield Mistake(path=f"{path}.{key}", text=f"got {fields[key]!r}; allowed: {', '.join(allowed)}")


def text(fields: Fields, path: str, key: str, *formats: Format) -> Found:
    """Yield a text that has none of the forms; an empty one counts as absent."""
    if fields.get(key):
        yield from form(fields[key], f"{path}.{key}", *formats)


def form(value: str, path: str, *formats: Format) -> Found:
    """Yield a value that has none of the forms."""
    if not any(format_.fits(value) for format_ in formats):
        words = ", or ".join(format_.words for format_ in formats)
        yield Mistake(path=path, text=f"got {value!r}; allowed: {words}")


def required(fields: Fields, path: str, *keys: str) -> Found:
    """Yield fields that are absent or empty."""
    for key in keys:
        if fields.get(key) in (None, "", [], {}):
            yield Mistake(path=f"{path}.{key}", text="is missing")


def port(fields: Fields, path: str, key: str, *, named: bool = True) -> Found:
    """Yield a port that is neither a number from 1 to 65535 nor, where it may be, a name.

    ValidatePortNumOrName in core.
    """
    value = fields.get(key)
    if isinstance(value, int):
        yield from integer(fields, path, key, least=1, most=65535)
    elif isinstance(value, str) and named:
        yield from form(value, f"{path}.{key}", PORT_NAME)


def unique(values: Iterable[tuple[str, object]], what: str) -> Found:
    """Yield the paths whose value stands at an earlier path already."""
    seen: list[object] = []
    for path, value in values:
        if value in seen:
            yield Mistake(path=path, text=f"got {what} that is there already")
        seen.append(value)


def int_or_percent(fields: Fields, path: str, *keys: str, most: int | None = 100) -> Found:
    """Yield what is neither a number from 0 nor a percentage, or more than 100 %.

    ValidatePositiveIntOrPercent and IsNotMoreThan100Percent in apps.
    """
    for key in keys:
        value = fields.get(key)
        percent = re.fullmatch(r"(\d+)%", value, re.ASCII) if isinstance(value, str) else None
        right = (percent is not None and (most is None or int(percent[1]) <= most)) if isinstance(value, str) else True
        if (isinstance(value, int) and value < 0) or not right:
            allowed = "0 or more" + (", or 0% to 100%" if most else ", or a percentage")
            yield Mistake(path=f"{path}.{key}", text=f"got {value!r}; allowed: {allowed}")


def one_of(fields: Fields, path: str, *keys: str, need: bool = True) -> Found:
    """Yield where none of the fields is given, or more than one."""
    given = [key for key in keys if fields.get(key) is not None]
    if need and not given:
        yield Mistake(path=path, text=f"is missing one of {', '.join(keys)}")
    for key in given[1:]:
        yield Mistake(path=f"{path}.{key}", text=f"is there beside {given[0]}; allowed: one of them")
