"""Reads plain data into sections field by field, so that what is valid is kept beside what is not.

Data without a mistake never comes here: pydantic reads it at once.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, TypeAdapter, ValidationError

from settings.report import UNREAD, Path, Problem, Section
from settings.words import base_of, choices, described, in_quotes, nearest, show, unknown_key

Spelling = Mapping[Path, tuple[object, str]]
"""Values that a file does not write as they are read, with how it spells them; by their path."""


class Reader:
    """Reads one configuration; ``problems`` holds what is wrong with single values."""

    def __init__(self, spelling: Spelling) -> None:
        """Start without a problem."""
        self.problems: list[Problem] = []
        self._spelling = spelling

    def section(self, model: type[Section], data: Mapping[str, Any], path: Path = ()) -> Section:
        """Return a section with the fields that are valid."""
        names = {field.alias or name: name for name, field in model.model_fields.items()}
        meant = set()
        for key in data:
            if key not in names:
                self._say((*path, key), unknown_key(str(key), names))
                meant.add(nearest(str(key), names))
        values = {}
        for alias, name in names.items():
            field = model.model_fields[name]
            if alias in data:
                read = self._read(_kind(model, name), data[alias], (*path, alias), partial(_adapter, model, name))
                if read is not UNREAD:
                    values[name] = read
            elif alias in meant:
                continue  # it is there and misspelled, which is told: neither missing nor at its default
            elif field.is_required():
                self._say((*path, alias), "missing; it has no default")
            else:
                values[name] = field.get_default(call_default_factory=True)
        return model.partly(values, [names[key] for key in data if key in names])

    def _read(self, kind: Any, value: Any, path: Path, adapter: Callable[[], TypeAdapter[Any]]) -> Any:
        try:
            return adapter().validate_python(value)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=True)
        base, metadata = base_of(kind)
        arguments = get_args(base)
        if isinstance(base, type) and issubclass(base, Section) and isinstance(value, Mapping):
            return self.section(base, value, path)
        if get_origin(base) is tuple and isinstance(value, list | tuple):
            items = tuple(self._item(arguments[0], item, (*path, index)) for index, item in enumerate(value))
            return self._whole(items, metadata, path)
        if get_origin(base) is dict and isinstance(value, Mapping):
            return {key: self._entry(arguments, key, item, path) for key, item in value.items()}
        self._say(path, self._sentence(kind, value, path, details[0], adapter()))
        return UNREAD

    def _item(self, kind: Any, value: Any, path: Path) -> Any:
        return self._read(kind, value, path, lambda: _adapter_of(kind))

    def _entry(self, kinds: tuple[Any, ...], key: Any, value: Any, path: Path) -> Any:
        before = len(self.problems)
        self._item(kinds[0], key, (*path, key))
        read = self._item(kinds[1], value, (*path, key))
        return read if len(self.problems) == before else UNREAD

    def _whole(self, items: tuple[Any, ...], metadata: list[Any], path: Path) -> tuple[Any, ...]:
        valid = tuple(item for item in items if item is not UNREAD)
        for item in metadata:
            if isinstance(item, AfterValidator):
                try:
                    item.func(valid)  # type: ignore[call-arg]
                except ValueError as error:
                    self._say(path, str(error))
        return items

    def _sentence(self, kind: Any, value: Any, path: Path, detail: Any, adapter: TypeAdapter[Any]) -> str:
        base, metadata = base_of(kind)
        spelled = self._spelled(path, value)
        got = f"got {show(value, spelled)}"
        if isinstance(value, str) and len(value) > 160:
            got = f"got {len(value)} characters: {show(value)}"
        allowed = described(base, metadata)
        if value is None or (value == "" and len(path) == 1):
            return f"got nothing; allowed: {allowed}; write a value, or leave the key out"
        if detail["type"] == "value_error":
            return f"{got}; {detail['ctx']['error']}"
        if base is str and isinstance(value, bool | int | float):
            return _unquoted(got, spelled or show(value), adapter)
        if isinstance(value, str) and (meant := nearest(value, choices(base))) is not None:
            allowed += f"; did you mean {meant!r}?"
        return f"{got}; allowed: {allowed}{_remedy(base, value)}"

    def _spelled(self, path: Path, value: object) -> str | None:
        read, text = self._spelling.get(path, (None, None))
        return text if type(read) is type(value) and read == value else None

    def _say(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))


def _unquoted(got: str, text: str, adapter: TypeAdapter[Any]) -> str:
    """Say that quotes are missing; or, where they would not help, what the text has to be."""
    got = got.replace("got", "got the value" if text in {"true", "false"} else "got the number", 1)
    try:
        adapter.validate_python(text)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        if detail["type"] == "value_error":
            return f"{got}; {detail['ctx']['error']}"
    return f"{got}; allowed: text, so put it in quotes: {in_quotes(text)}"


def _remedy(base: Any, value: Any) -> str:  # noqa: PLR0911 - one line for each way to mistake a shape
    if get_origin(base) is tuple:
        if isinstance(value, Mapping):
            return "; begin each entry with '- '"
        if isinstance(value, str) and "\n" in value.strip():
            return "; make each line an entry that begins with '- '"
        return "; put the entries in brackets: [..., ...]"
    mapping = get_origin(base) is dict or (isinstance(base, type) and issubclass(base, Section))
    if mapping and isinstance(value, list | tuple):
        return "; leave the '- ' out"
    if mapping and isinstance(value, str) and ":" in value:
        key, rest = value.split(":", 1)
        return f"; a blank is missing behind the colon: {key}: {rest}" if rest[:1].strip() else ""
    if base in (int, float, bool) and isinstance(value, str):
        try:
            TypeAdapter(base).validate_python(value)
        except ValidationError:
            return ""
        plainly = {"yes": "true", "no": "false", "on": "true", "off": "false", "1": "true", "0": "false"}
        word = value.strip().casefold()
        return f"; write {plainly.get(word, word) if base is bool else word}, without quotes"
    return ""


def _kind(model: type[Section], name: str) -> Any:
    field = model.model_fields[name]
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


@cache
def _adapter(model: type[Section], name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_kind(model, name))


_ADAPTERS: dict[int, tuple[Any, TypeAdapter[Any]]] = {}


def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    # by identity, as not every annotation can be hashed; the entry keeps it alive
    if id(kind) not in _ADAPTERS:
        _ADAPTERS[id(kind)] = (kind, TypeAdapter(kind))
    return _ADAPTERS[id(kind)][1]
