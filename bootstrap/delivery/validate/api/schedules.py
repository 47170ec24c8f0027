"""When a CronJob runs: its schedule and time zone."""

import re
import zoneinfo

from bootstrap.delivery.validate.api.fields import Fields, Found
from bootstrap.delivery.validate.structure import Mistake

_DAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
_MONTHS = {
    **{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6},
    **{"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12},
}
_PLACES: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_NAMED = frozenset({"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"})
_EVERY = re.compile(r"@every [+-]?(0|((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)


def check_schedule(spec: Fields, path: str) -> Found:
    """Yield a schedule and a time zone that are none: validateScheduleFormat and validateTimeZone in batch."""
    schedule = str(spec["schedule"])
    if reason := _wrong(schedule):
        yield Mistake(path=f"{path}.schedule", text=f"got {schedule!r}: {reason}")
    zone = spec.get("timeZone")
    if zone is not None and not _is_zone(zone):
        yield Mistake(
            path=f"{path}.timeZone", text=f"got {zone!r}; allowed: a name of IANA's, such as Europe/Stockholm"
        )


def _is_zone(name: str) -> bool:
    if not zoneinfo.available_timezones():
        # this machine has no data of time zones
        return name != "" and name.lower() != "local"
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return name.lower() != "local"


def _wrong(schedule: str) -> str | None:
    """Return why a schedule is none: the parser of Kubernetes, ParseStandard in github.com/robfig/cron v3."""
    if "TZ" in schedule:
        return "the time zone belongs into timeZone"
    if schedule.startswith("@"):
        known = schedule in _NAMED or _EVERY.fullmatch(schedule)
        return None if known else f"allowed: {', '.join(sorted(_NAMED))}, @every <duration>"
    fields = schedule.split()
    if len(fields) != len(_PLACES):
        return f"it has {len(fields)} fields; allowed: 5, which are {', '.join(place[0] for place in _PLACES)}"
    for field, (what, least, most, names) in zip(fields, _PLACES, strict=True):
        for part in filter(None, field.split(",")):
            if not _is_range(part, least, most, names):
                return f"{part!r} is no {what}; allowed: {least} to {most}, ranges, and steps such as */5"
    return None


def _is_range(part: str, least: int, most: int, names: dict[str, int]) -> bool:
    """Whether a part is a number, a range, or one of these with a step."""
    whole, *steps = part.split("/")
    low, *highs = whole.split("-")
    if len(steps) > 1 or len(highs) > 1 or not all(re.fullmatch(r"0*[1-9]\d*", step, re.ASCII) for step in steps):
        return False
    if low in {"*", "?"}:
        return True
    numbers = [names.get(end.lower(), int(end) if re.fullmatch(r"\d+", end, re.ASCII) else -1) for end in (low, *highs)]
    end = most if steps and not highs else numbers[-1]
    return least <= numbers[0] <= end <= most and -1 not in numbers
