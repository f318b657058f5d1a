"""Where everything derived stands in the archive. A path's components are slugs, months or days."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from flows.issue import slug

if TYPE_CHECKING:
    from flows.archive.index import Kind

RECORD: Final = "issue.json"
PAGE: Final = "index.html"
FEED: Final = "feed.xml"
SITEMAP: Final = "sitemap.xml"
ROBOTS: Final = "robots.txt"

DAYS: Final = "index/days.json"
PENDING: Final = "index/pending"
# What stands below these, and nothing else, is derived and may be removed by a rebuild.
DERIVED_FOLDERS: Final = ("index", "newsletters", "zones", "months", "days", "sitemaps")

_SLUG = "[A-Za-z0-9_-]+"
_ISSUE = re.compile(
    rf"issues/{_SLUG}/{_SLUG}/\d{{4}}/\d\d-\d\d/[0-9a-f]{{20}}(/[0-9a-f]{{20}})?", re.ASCII
)


def is_issue(path: str) -> bool:
    """Return whether `path` is one at which an issue, or a correction of one, can stand."""
    return _ISSUE.fullmatch(path) is not None


def scope_shard(kind: Kind, name: str) -> str:
    """Return where the shard of a scope stands."""
    return "index/all.json" if kind == "all" else f"index/{kind}s/{slug(name)}.json"


def scope_folder(kind: Kind, name: str) -> str:
    """Return the folder of a scope's page and feed, with a slash at its end unless it is all."""
    return "" if kind == "all" else f"{kind}s/{slug(name)}/"


def day_shard(day: str) -> str:
    """Return where the shard of a day stands."""
    return f"index/days/{day}.json"


def month_shard(month: str) -> str:
    """Return where the shard of a month stands."""
    return f"index/months/{month}.json"


def series_shard(newsletter: str, zone_code: str) -> str:
    """Return where the list of a series' months stands."""
    return f"index/series/{slug(newsletter)}/{slug(zone_code)}/months.json"


def series_month_shard(newsletter: str, zone_code: str, month: str) -> str:
    """Return where the shard of a series' month stands."""
    return f"index/series/{slug(newsletter)}/{slug(zone_code)}/{month}.json"


def revisions(newsletter: str, document_key: str) -> str:
    """Return where it stands which revisions of a document there are, whichever day they are of."""
    digest = hashlib.blake2b(document_key.encode(), digest_size=10).hexdigest()
    return f"index/revisions/{slug(newsletter)}/{digest}.json"


def pending(issue_path: str) -> str:
    """Return where it stands that the issue at `issue_path` is being published."""
    return f"{PENDING}/{'.'.join(issue_path.split('/')[5:])}"


def month_page(month: str) -> str:
    """Return where the page of a month stands."""
    return f"months/{month}/{PAGE}"


def day_page(day: str) -> str:
    """Return where the page of a day stands."""
    return f"days/{day}/{PAGE}"


def day_sitemap(day: str) -> str:
    """Return where the sitemap of a day stands."""
    return f"sitemaps/{day}.xml"
