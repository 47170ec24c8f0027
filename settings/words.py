"""Words for a refused value: how it is repeated, what stands for a secret in it, and what a type is called."""

import datetime as dt
import difflib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

_LONGEST = 160
"""Most characters of a value that a message repeats."""

_SECRETS = (
    # user information of a URL: everything between the scheme and the last @ of the authority
    (re.compile(r"(?<=://)(?!git@)[^/\s'\"?#]*@"), "***@"),
    # https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
    # https://docs.gitlab.com/security/tokens/#token-prefixes
    (
        re.compile(r"\b(gh[oprsu]_|github_pat_|gl[a-z]{2,5}-|xox[abprs]-|sk-|npm_|dckr_pat_|hvs\.|AKIA)[\w-]{6,}"),
        r"\1***",
    ),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?"), "***"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*", re.DOTALL), "***"),
    (
        re.compile(
            r"((?:(?:access_?|auth_?|private_?|api_?|account_?|shared_?)(?:key|token)|password|passwd|pwd|token|secret|sig)"
            r"['\"]?\s?[=:]\s?['\"]?)(?![\"'\s\[{*])[^\s&'\",;}]{3,}",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
)
_SECRET_KEY = re.compile(r"(password|passwd|pwd|token|secret|apikey|api_key|privatekey|private_key)$", re.IGNORECASE)

# https://www.unicode.org/reports/tr39/#Confusable_Detection: the letters that a keyboard of another script gives
_LOOKALIKES = {
    **dict(zip("АВЕКМНОРСТУХасеорухіјѕԁһԛԝ", "ABEKMHOPCTYXaceopyxijsdhqw", strict=False)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονα", "ABEZHIKMNOPTYXova", strict=True)),
    "ı": "i",
    "‐": "-",
    "‑": "-",
    "‒": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "∗": "*",
    "ʼ": "'",
    "։": ":",
    "：": ":",
}


def redact(text: str) -> str:
    """Return a text with ``***`` for every secret that shows by its form: a URL's credentials, a token, a key."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def holds_secret(text: str) -> bool:
    """Tell whether a text has a secret in it that shows by its form."""
    return redact(text) != text


def show(value: object, spelled: str | None = None) -> str:  # noqa: PLR0911 - one line for each type
    """Repeat a value as YAML has it; in short, without secrets, and with lookalike letters pointed at.

    Args:
        value: what was given.
        spelled: how the file spells it, where that is known.
    """
    if isinstance(value, str):
        return _quoted(value) + _pointed(value)
    if value is None:
        return "nothing"
    if spelled is not None:
        return _cut(spelled)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return repr(value.value)
    if isinstance(value, Mapping | list | tuple):
        return _cut(redact(_flow(value)))
    return _cut(str(value))


def _quoted(text: str) -> str:
    # what does not show is escaped; a backslash stands as it is in the file
    shown = "".join(character if character.isprintable() else repr(character)[1:-1] for character in _cut(redact(text)))
    return f'"{shown}"' if "'" in shown else f"'{shown}'"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _flow(value: object, depth: int = 3) -> str:
    if isinstance(value, Mapping):
        inner = (
            f"{key}: {'***' if _SECRET_KEY.search(str(key)) else _flow(item, depth - 1)}"
            for key, item in list(value.items())[:10]
        )
        return "{" + ", ".join(inner) + "}" if depth else "{...}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item, depth - 1) for item in value[:10]) + "]" if depth else "[...]"
    return value if isinstance(value, str) else "null" if value is None else show(value)


def lookalikes(text: str) -> list[tuple[str, str]]:
    """Return the characters of a text that look like ASCII, or like nothing at all, each with what it looks like."""
    found = []
    for character in dict.fromkeys(text):
        if character.isascii():
            continue
        plain = unicodedata.normalize("NFKC", character)
        if character in _LOOKALIKES:
            found.append((character, _LOOKALIKES[character]))
        elif plain.isascii() and plain.strip():
            found.append((character, plain))
        elif unicodedata.category(character) in {"Cf", "Zs", "Zl", "Zp"}:
            found.append((character, ""))
    return found


def plain(text: str) -> str:
    """Return a text with ASCII for every character that only looks like it."""
    return text.translate({ord(character): instead for character, instead in lookalikes(text)})


def _pointed(text: str) -> str:
    notes = [
        f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}, "
        + (f"which only looks like {instead!r}" if instead else "which does not show")
        for character, instead in lookalikes(text)
    ]
    return f" (it has {'; '.join(notes)})" if notes else ""


def nearest(given: str, known: Iterable[str]) -> str | None:
    """Return the known word that a misspelled one most likely means."""
    words = {_folded(word): word for word in known}
    folded = _folded(plain(given))
    if folded in words:
        return words[folded]
    near = difflib.get_close_matches(folded, words, n=1, cutoff=0.7)
    return words[near[0]] if near else None


def _folded(word: str) -> str:
    return re.sub(r"[-_ ]", "", word).casefold()


def unknown_key(key: str, known: Iterable[str]) -> str:
    """Say that a key is unknown, with the nearest known one."""
    known = sorted(known)
    near = nearest(key, known)
    hint = f"did you mean {near!r}? " if near else ""
    return f"unknown key{_pointed(key)}; {hint}allowed: {', '.join(known)}"


def base_of(kind: Any) -> tuple[Any, list[Any]]:
    """Return what is left of an annotation without its metadata and without None, and the metadata."""
    metadata: list[Any] = []
    while True:
        arguments = get_args(kind)
        if get_origin(kind) is Annotated:
            kind, found = arguments[0], [*arguments[1:]]
            for item in found:
                metadata += item.metadata if isinstance(item, FieldInfo) else [item]
        elif type(None) in arguments and len(arguments) == 2:
            kind = next(argument for argument in arguments if argument is not type(None))
        else:
            return kind, metadata


def described(base: Any, metadata: Sequence[Any]) -> str:  # noqa: PLR0911 - one line for each type
    """Say what a type takes, as a reader of YAML would."""
    for item in metadata:
        if allowed := getattr(item, "allowed", None):
            return str(allowed)
    origin = get_origin(base)
    if origin is tuple:
        return "a list"
    if origin is dict or (isinstance(base, type) and issubclass(base, BaseModel)):
        return "a mapping of keys to values"
    if origin is Literal:
        return ", ".join(repr(choice) for choice in get_args(base))
    if isinstance(base, type) and issubclass(base, Enum):
        return ", ".join(repr(choice.value) for choice in base)
    if base is bool:
        return "true, false"
    if base in (int, float):
        return _range("a whole number" if base is int else "a number", metadata)
    if base is dt.date:
        return "a date in quotes"
    return _length(metadata)


def choices(base: Any) -> list[str]:
    """Return the words of a closed choice; none where a type is not one."""
    if get_origin(base) is Literal:
        return [choice for choice in get_args(base) if isinstance(choice, str)]
    if isinstance(base, type) and issubclass(base, Enum):
        return [str(choice.value) for choice in base]
    return []


def _range(noun: str, metadata: Sequence[Any]) -> str:
    least = next((item.ge for item in metadata if isinstance(item, Ge)), None)
    most = next((item.le for item in metadata if isinstance(item, Le)), None)
    above = next((item.gt for item in metadata if isinstance(item, Gt)), None)
    below = next((item.lt for item in metadata if isinstance(item, Lt)), None)
    if least is not None and most is not None:
        return f"{noun} from {least} to {most}"
    parts = [f"above {above}"] if above is not None else []
    parts += [f"less than {below}"] if below is not None else []
    parts += [f"{least} or more"] if least is not None else []
    parts += [f"{most} or less"] if most is not None else []
    return " ".join([noun, " and ".join(parts)]).strip()


def _length(metadata: Sequence[Any]) -> str:
    least = next((item.min_length for item in metadata if isinstance(item, MinLen)), 0)
    most = next((item.max_length for item in metadata if isinstance(item, MaxLen)), None)
    if most is not None:
        return f"text of {least} to {most} characters"
    return "text that is not empty" if least else "text"


def in_quotes(text: str) -> str:
    """Put a text in double quotes, as YAML takes them."""
    return json.dumps(text, ensure_ascii=False)
