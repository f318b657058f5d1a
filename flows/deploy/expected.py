"""What is expected each day: a kind of document, by an hour of its zone's clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from flows.document.zones import Zone, is_known
from flows.document.zones import zone as find_zone
from flows.errors import SettingsError

# What came in time has to be read first, which on ECS takes a container that starts.
LOOK_AFTER: Final = timedelta(minutes=2)
_ANY_DAY: Final = date(2001, 1, 1)
_MARKET_TZ: Final = "Europe/Brussels"
_FORM: Final = re.compile(r"([ABZ][0-9]{2})(?:@([A-Za-z0-9_-]+))?=([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Expected:
    """A document of a type, of a zone if one is named, that comes each day by some time.

    The time is the zone's own; without a zone it is the market's, Europe/Brussels.
    """

    document_type: str
    by: time
    zone: Zone | None = None

    def __str__(self) -> str:
        """Return the form that `parse` reads."""
        place = "" if self.zone is None else f"@{self.zone.code}"
        return f"{self.document_type}{place}={self.by:%H:%M}"

    @property
    def tz(self) -> str:
        """The name of the time zone."""
        return _MARKET_TZ if self.zone is None else self.zone.tz

    @property
    def cron(self) -> str:
        """When to look, each day, in cron's form and the zone's time."""
        looked = datetime.combine(_ANY_DAY, self.by) + LOOK_AFTER
        return f"{looked.minute} {looked.hour} * * *"

    def day(self, looked: datetime) -> date:
        """Return the local day that a look at this time is about."""
        return (looked - LOOK_AFTER).astimezone(ZoneInfo(self.tz)).date()

    def window(self, day: date) -> tuple[datetime, datetime]:
        """Return beginning and end of the local day."""
        begins = datetime.combine(day, time.min, ZoneInfo(self.tz))
        ends = datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(self.tz))
        return begins, ends


def parse(text: str) -> Expected:
    """Return what is expected: `A69=18:00`, or `A69@DE_LU=18:00` for a zone by name or EIC.

    Raises:
        SettingsError: it is not of that form, or the zone is unknown.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise SettingsError(
            f"{text} is not TYPE=HH:MM",
            remedy="Name a document type and a local time, and a zone between them if you mean "
            "one: A69=18:00 or A69@DE_LU=18:00.",
            setting="--expect",
        )
    document_type, place, hour, minute = match.groups()
    zone = None if place is None else find_zone(place)
    if zone is not None and not is_known(zone.eic):
        raise SettingsError(
            f"{place} is no bidding zone",
            remedy="Take a name such as DE_LU, NO_2 or FR, or an EIC.",
            setting="--expect",
        )
    return Expected(document_type, time(int(hour), int(minute)), zone)
