"""A document of the past becomes an issue in the archive: no mail, and nothing of it in Prefect."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from flows import inputs, steps
from flows import issue as issues
from flows.document import reference
from flows.errors import ReferenceUnavailable, SettingsError
from flows.notebook.run import run
from flows.outcome import Outcome

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from flows.archive import Archive
    from flows.document import MarketDocument
    from flows.notebook.newsletter import Newsletter
    from flows.settings import Settings

    LoggerLike = logging.Logger | logging.LoggerAdapter[logging.Logger]

_CAPACITY_TIMEOUT_SECONDS: Final = 10


class Press:
    """Makes issues and puts them into the archive."""

    def __init__(self, options: Settings, archive: Archive, logger: LoggerLike) -> None:
        self._options = options
        self._archive = archive
        self._capacities = _Capacities(options, logger)

    def publish(self, newsletter: Newsletter, document: MarketDocument) -> Outcome:
        """Make the issue about `document`, unless a later revision of it has one.

        Raises:
            GridletterError: there is no issue of it.
        """
        outcome = Outcome("published", newsletter.name, document.zone.code)
        standing = self._archive.revisions(newsletter.name, document)
        newest = standing[-1] if standing else None
        if newest is not None and newest.revision > document.revision:
            reason = f"revision {newest.revision} of the document is published already"
            return replace(outcome, state="skipped", reason=reason)
        given = inputs.gather(
            newsletter, document, self._archive, lambda: self._capacities.of(document)
        )
        executed = run(newsletter, given.values, limits=inputs.limits(self._options))
        if executed.skip_reason is not None:
            return replace(outcome, state="skipped", reason=executed.skip_reason)
        issue, rendering = issues.render(
            newsletter,
            document,
            executed.notebook,
            given.record,
            superseded=newest,
            previous=given.previous,
            page_url=self._archive.page_url,
        )
        is_new = self._archive.commit(issue, rendering.files)
        self._archive.settle(issue)
        return replace(
            outcome,
            state="published" if is_new else "duplicate",
            issue_id=issue.issue_id,
            page=self._archive.page_url(issue.path),
        )


class _Capacities:
    """Installed capacities, asked for once for each zone and year."""

    def __init__(self, options: Settings, logger: LoggerLike) -> None:
        self._folder = options.capacity_cache_folder
        self._api_key = steps.api_key(options)
        self._logger = logger
        self._lock = Lock()
        self._known: dict[tuple[str, int], Mapping[str, float]] = {}

    def of(self, document: MarketDocument) -> Mapping[str, float]:
        """Return MW by production type; nothing, and a line to the operator, if unknown."""
        zone = document.zone
        year = document.start.astimezone(ZoneInfo(zone.tz)).year
        with self._lock:
            if (zone.eic, year) not in self._known:
                try:
                    known = reference.installed_capacity(
                        zone,
                        year,
                        api_key=self._api_key,
                        cache_folder=self._folder,
                        timeout_seconds=_CAPACITY_TIMEOUT_SECONDS,
                    )
                except (ReferenceUnavailable, SettingsError) as error:
                    self._logger.warning(
                        "%s %s: issues go out without percentages: %s", zone.name, year, error
                    )
                    known = {}
                self._known[zone.eic, year] = known
            return self._known[zone.eic, year]
