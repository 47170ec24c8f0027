"""Text with a form: a pattern that editors check too, a sentence for people, and hints for near misses."""

import re
from collections.abc import Callable
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from settings.words import lookalikes, plain

Hint = Callable[[str], str | None]
"""Says what is wrong with a text, or how it should be written; None where it has nothing to say."""


class Form:
    """What a text has to be, as an annotation: ``Annotated[str, Form(...)]``.

    The pattern has to be one that Python and JSON Schema (ECMA 262) read alike: ASCII classes, no flags.
    """

    def __init__(
        self, pattern: str, allowed: str, *, hints: tuple[Hint, ...] = (), refused: tuple[Hint, ...] = ()
    ) -> None:
        """Set the form.

        Args:
            pattern: what the whole text has to match.
            allowed: the sentence for people.
            hints: say more where the pattern does not match.
            refused: what a text that matches must not be all the same; each says why.
        """
        self.allowed = allowed
        self.pattern = pattern
        self._matches = re.compile(pattern).fullmatch
        self._hints = hints
        self._refused = refused

    def __call__(self, value: str) -> str:
        """Return the text.

        Raises:
            ValueError: it has not the form; the text says what is allowed.
        """
        if self._matches(value) is None:
            raise ValueError(f"allowed: {self.allowed}{self._hint(value)}")
        for refused in self._refused:
            if why := refused(value):
                raise ValueError(f"allowed: {self.allowed}; {why}")
        return value

    def _hint(self, value: str) -> str:
        found = next((hint for ask in self._hints if (hint := ask(value))), None)
        if found is None:
            found = self._near(value)
        return f"; {found}" if found else ""

    def _near(self, value: str) -> str | None:
        for written in (value.strip(), value.lower(), value.strip().lower(), plain(value)):
            if written != value and self._matches(written) and not any(no(written) for no in self._refused):
                return "it looks like another word than it is" if lookalikes(value) else f"write {written}"
        return None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check after what is below has made a text of it."""
        return core_schema.no_info_after_validator_function(self, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Give editors the pattern."""
        return {**handler(schema), "pattern": f"^(?:{self.pattern})$"}
