"""Where the rules across sections draw their lines: the last value that is allowed, and the first that is not."""

from typing import Any

from settings import parse
from settings.merge import merge
from settings.report import SettingsError, format_path
from tests.unit.test_settings_invalid import valid

Told = dict[str, str]


def told(changes: dict[str, Any], *without: str) -> Told:
    """Return every mistake of the valid stack with some changes, by its path."""
    stack = {key: value for key, value in merge(valid(), changes).items() if key not in without}
    try:
        parse(stack)
    except SettingsError as refused:
        return {
            format_path(problem.path).removeprefix("aks-bootstrap:"): problem.message for problem in refused.problems
        }
    return {}


def test_the_stack_without_changes_breaks_no_rule() -> None:
    assert told({}) == {}
